using System.Reflection;
using OnnxMoe.Serving.Generation;

namespace OnnxMoe.Serving.Http;

/// <summary>Whether the server takes requests, and how many it has not answered yet.</summary>
public sealed class ServerState
{
    private readonly Lock _gate = new();
    private int _running;
    private TaskCompletionSource? _empty;

    /// <summary>Version of this program.</summary>
    public static string Version { get; } = typeof(ServerState).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()!.InformationalVersion.Split('+')[0];

    /// <summary>False once the server is shutting down.</summary>
    public bool IsReady
    {
        get
        {
            lock (_gate)
                return _empty is null;
        }
    }

    /// <summary>Counts a request until the result is disposed.</summary>
    /// <exception cref="EngineBusyException">The server is shutting down.</exception>
    public IDisposable Enter()
    {
        lock (_gate)
        {
            if (_empty is not null)
                throw new EngineBusyException("The server is shutting down and takes no further requests.", stopping: true);
            _running++;
            return new Exit(this);
        }
    }

    /// <summary>Refuses further requests. The task ends when those that run have ended.</summary>
    public Task Close()
    {
        lock (_gate)
        {
            _empty ??= new(TaskCreationOptions.RunContinuationsAsynchronously);
            if (_running == 0)
                _empty.TrySetResult();
            return _empty.Task;
        }
    }

    private void Leave()
    {
        lock (_gate)
            if (--_running == 0)
                _empty?.TrySetResult();
    }

    private sealed class Exit(ServerState state) : IDisposable
    {
        public void Dispose() => state.Leave();
    }
}
