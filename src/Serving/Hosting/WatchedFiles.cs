using Microsoft.Extensions.Logging;

namespace OnnxMoe.Serving.Hosting;

/// <summary>
/// Something read from files, and read again when they change. It looks at most once a second, when it is asked for its value;
/// where the new files cannot be read, the old value stays and the log says why.
/// </summary>
internal sealed class WatchedFiles<T>
{
    private static readonly TimeSpan Pause = TimeSpan.FromSeconds(1);

    private readonly Lock _gate = new();
    private readonly IReadOnlyList<string> _paths;
    private readonly Func<T> _read;
    private readonly ILogger _log;
    private readonly TimeProvider _time;
    private FileStamp[] _stamps;
    private long _looked;
    private T _value;

    /// <summary>Reads the files for the first time, whose failure is the caller's.</summary>
    public WatchedFiles(IReadOnlyList<string> paths, Func<T> read, ILogger log, TimeProvider? time = null)
    {
        (_paths, _read, _log, _time) = (paths, read, log, time ?? TimeProvider.System);
        _stamps = Stamps();
        _value = read();
        _looked = _time.GetTimestamp();
    }

    /// <summary>What the files say.</summary>
    public T Value
    {
        get
        {
            lock (_gate)
            {
                if (_paths.Count > 0 && _time.GetElapsedTime(_looked) >= Pause)
                    Look();
                return _value;
            }
        }
    }

    private void Look()
    {
        _looked = _time.GetTimestamp();
        var stamps = Stamps();
        if (stamps.SequenceEqual(_stamps))
            return;
        _stamps = stamps;
        try
        {
            _value = _read();
            HostLog.FilesRead(_log, string.Join(", ", _paths));
        }
        catch (Exception problem)
        {
            HostLog.FilesNotRead(_log, string.Join(", ", _paths), problem.Message);
        }
    }

    private FileStamp[] Stamps() => [.. _paths.Select(FileStamp.Of)];
}
