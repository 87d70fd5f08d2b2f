using System.Reflection;
using OnnxMoe.Serving.Generation;

namespace OnnxMoe.Serving.Http;

/// <summary>Whether the server takes requests, and how many it has not answered yet.</summary>
public sealed class ServerState
{
    private readonly Lock _gate = new();
    private readonly List<Func<string?>> _checks = [];
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

    /// <summary>Requests that are not answered yet.</summary>
    public int Running
    {
        get
        {
            lock (_gate)
                return _running;
        }
    }

    /// <summary>Adds something that can be wrong with the server. It is asked whenever a monitor asks, so it must be quick.</summary>
    /// <param name="problem">One sentence on what is wrong now; null when nothing is.</param>
    public void AddCheck(Func<string?> problem)
    {
        lock (_gate)
            _checks.Add(problem);
    }

    /// <summary>Why the server should not be sent requests now: a sentence each; empty when it should.</summary>
    public IReadOnlyList<string> Problems()
    {
        Func<string?>[] checks;
        lock (_gate)
            checks = [.. _checks];
        string[] stopping = IsReady ? [] : ["The server is shutting down and takes no further requests."];
        return [.. stopping, .. checks.Select(check => check()).OfType<string>()];
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

    /// <summary>Refuses further requests, and waits for those that run until <paramref name="limit"/> is over. It cannot be taken back.</summary>
    /// <returns>True when all were answered.</returns>
    public async Task<bool> DrainAsync(TimeSpan limit, CancellationToken cancellation = default)
    {
        try
        {
            await Close().WaitAsync(limit, cancellation);
            return true;
        }
        catch (TimeoutException)
        {
            return false;
        }
    }

    private Task Close()
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
