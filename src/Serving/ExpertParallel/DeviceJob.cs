using System.Diagnostics;
using Microsoft.ML.OnnxRuntime;

namespace OnnxMoe.Serving.ExpertParallel;

/// <summary>A piece of work for one device.</summary>
/// <param name="work">Runs sessions with the options it is given.</param>
/// <param name="atEnd">Runs when the device uses nothing of this work any more, whatever became of it.</param>
internal sealed class DeviceJob(Action<RunOptions> work, Action atEnd)
{
    private readonly ManualResetEventSlim _done = new();
    private readonly TaskCompletionSource _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly RunOptions _options = new();
    private readonly Lock _gate = new();
    private long _started;
    private bool _over;

    /// <summary>What went wrong; null when all went well. Set once <see cref="Wait"/> is true.</summary>
    public Exception? Problem { get; private set; }

    /// <summary>Ends when the device uses nothing of this work any more.</summary>
    public Task Ended => _ended.Task;

    /// <summary>Does the work, on the calling thread.</summary>
    public void Run()
    {
        Volatile.Write(ref _started, Stopwatch.GetTimestamp());
        try
        {
            work(_options);
        }
        catch (Exception problem)
        {
            Problem = problem;
        }
        End();
    }

    /// <summary>Gives the work up before it began.</summary>
    public void Cancel(Exception problem)
    {
        Problem = problem;
        End();
    }

    /// <summary>Waits until the work is done.</summary>
    /// <param name="limit">How long it may take from its beginning.</param>
    /// <returns>False when it is not done by then.</returns>
    public bool Wait(TimeSpan limit)
    {
        for (; ; )
        {
            var started = Volatile.Read(ref _started);
            var left = limit == Timeout.InfiniteTimeSpan || started == 0 ? limit : limit - Stopwatch.GetElapsedTime(started);
            if (_done.Wait(left == Timeout.InfiniteTimeSpan || left > TimeSpan.Zero ? left : TimeSpan.Zero))
                return true;
            if (started != 0)
                return false;
        }
    }

    /// <summary>Asks ONNX Runtime to stop between two nodes, which helps only if the device reacts.</summary>
    public void Terminate()
    {
        lock (_gate)
        {
            if (!_over)
                _options.Terminate = true;
        }
    }

    private void End()
    {
        lock (_gate)
        {
            _over = true;
            _options.Dispose();
        }
        atEnd();
        _done.Set();
        _ended.SetResult();
    }
}
