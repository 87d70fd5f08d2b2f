using Microsoft.Extensions.Logging;
using OnnxMoe.Artifacts;
using OnnxMoe.Serving.Generation;
using OnnxMoe.Serving.Http;

namespace OnnxMoe.Serving.Hosting;

/// <summary>
/// The model that is served, and its replacement while requests run: the next version is loaded and tried beside the current one,
/// then new requests get it, and the old one is disposed when the last request that uses it has ended.
/// </summary>
public sealed class ModelSlot : IAsyncDisposable
{
    private readonly Lock _gate = new();
    private readonly SemaphoreSlim _reloading = new(1, 1);
    private readonly Func<ServedModel> _load;
    private readonly ILogger _log;
    private readonly List<Version> _versions = []; // guarded by _gate; the last one is current
    private readonly List<Task> _retiring = []; // guarded by _gate
    private bool _disposed; // guarded by _gate

    /// <param name="load">Loads the model as its folder is now.</param>
    /// <param name="log">For what becomes of versions.</param>
    /// <exception cref="UserError">The model cannot be loaded.</exception>
    public ModelSlot(Func<ServedModel> load, ILogger log)
    {
        (_load, _log) = (load, log);
        _versions.Add(new(load(), 1));
    }

    /// <summary>The version that new requests get.</summary>
    public ServedModel Current
    {
        get
        {
            lock (_gate)
                return _versions[^1].Model;
        }
    }

    /// <summary>Number of the current version: 1, and one more with each reload.</summary>
    public int CurrentVersion
    {
        get
        {
            lock (_gate)
                return _versions[^1].Number;
        }
    }

    /// <summary>Versions in memory: more than one while requests still use an old one.</summary>
    public int LoadedVersions
    {
        get
        {
            lock (_gate)
                return _versions.Count;
        }
    }

    /// <summary>The current version, kept alive until the lease is disposed.</summary>
    /// <exception cref="EngineBusyException">The server is shutting down.</exception>
    public ModelLease Acquire()
    {
        lock (_gate)
        {
            if (_disposed)
                throw new EngineBusyException("The server is shutting down and takes no further requests.", stopping: true);
            var version = _versions[^1];
            version.Leases++;
            return new(version.Model, () => Release(version));
        }
    }

    /// <summary>Replaces the current version by what the folder holds now. A failure leaves everything as it was.</summary>
    /// <exception cref="UserError">The new version cannot be loaded, or cannot take the old one's place.</exception>
    /// <exception cref="ApiError">Another reload is under way (409).</exception>
    public async Task ReloadAsync(CancellationToken cancellation)
    {
        if (!await _reloading.WaitAsync(0, cancellation))
            throw new ApiError(409, "The model is being reloaded already; wait until that has ended.", code: "reload_in_progress");
        try
        {
            Replace(await Task.Run(() => LoadTried(cancellation), cancellation));
        }
        catch (Exception problem)
        {
            HostLog.NotReloaded(_log, problem.Message);
            throw;
        }
        finally
        {
            _reloading.Release();
        }
    }

    /// <summary>Ends all versions; requests that still run fail.</summary>
    public async ValueTask DisposeAsync()
    {
        Version[] rest;
        Task[] retiring;
        lock (_gate)
        {
            if (_disposed)
                return;
            _disposed = true;
            (rest, retiring) = ([.. _versions], [.. _retiring]);
        }
        foreach (var version in rest)
            version.Model.Dispose();
        await Task.WhenAll(retiring);
        _reloading.Dispose();
    }

    private async Task<ServedModel> LoadTried(CancellationToken cancellation)
    {
        var next = _load();
        try
        {
            if (next.Name != Current.Name)
                throw new UserError($"The folder now holds the model {next.Name}, but {Current.Name} is served; start a server of its own for it.");
            await next.TryAsync(cancellation);
            return next;
        }
        catch
        {
            next.Dispose();
            throw;
        }
    }

    private void Replace(ServedModel next)
    {
        lock (_gate)
        {
            if (!_disposed)
            {
                var old = _versions[^1];
                _versions.Add(new(next, old.Number + 1));
                HostLog.Reloaded(_log, next.Name, old.Number + 1);
                RetireIfUnused(old);
                return;
            }
        }
        next.Dispose();
        throw new UserError("The server was stopped while the model was reloaded.");
    }

    private void Release(Version version)
    {
        lock (_gate)
        {
            version.Leases--;
            RetireIfUnused(version);
        }
    }

    /// <summary>Disposes an old version that nobody uses, on a thread of its own: the request that ends is not to wait for it.</summary>
    private void RetireIfUnused(Version version)
    {
        if (_disposed || version.Leases > 0 || version == _versions[^1] || !_versions.Remove(version))
            return;
        _retiring.RemoveAll(task => task.IsCompletedSuccessfully);
        _retiring.Add(Task.Run(() =>
        {
            version.Model.Dispose();
            HostLog.Retired(_log, version.Model.Name, version.Number);
        }));
    }

    private sealed class Version(ServedModel model, int number)
    {
        public ServedModel Model => model;

        public int Number => number;

        public int Leases { get; set; }
    }
}
