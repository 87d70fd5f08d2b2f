using Microsoft.ML.OnnxRuntime;
using OnnxMoe.Artifacts.Placement;
using OnnxMoe.Serving.Sessions;

namespace OnnxMoe.Serving.ExpertParallel;

/// <summary>
/// The devices of a server, a thread for each: who works, and who has failed. A device that fails is not used again until it is restarted; one that
/// takes too long has failed too, and its thread is left behind, since a run cannot be killed.
/// </summary>
internal sealed class DeviceGroup
{
    private static readonly TimeSpan EndLimit = TimeSpan.FromSeconds(1);

    private readonly Lock _gate = new();
    private readonly TimeSpan _limit;
    private readonly int _homes;
    private readonly ServedDevice[] _devices; // guarded by _gate
    private readonly DeviceWorker[] _workers; // guarded by _gate
    private readonly List<DeviceWorker> _left = []; // guarded by _gate: workers of devices that have failed

    /// <param name="devices">The devices in the plan's order.</param>
    /// <param name="limit">How long a piece of work may take.</param>
    /// <param name="homes">How many of them sequences can be at home on: the first ones.</param>
    public DeviceGroup(IReadOnlyList<Device> devices, TimeSpan limit, int homes)
    {
        (_limit, _homes) = (limit, homes);
        _devices = [.. devices.Select((device, number) => new ServedDevice(number, device, null, 0, 0))];
        _workers = [.. devices.Select((_, number) => new DeviceWorker(number))];
    }

    /// <summary>Faults for tests and drills.</summary>
    public DeviceFaults Faults { get; } = new();

    /// <summary>Tells of a device that has just failed or was restarted.</summary>
    public event Action<ServedDevice>? Changed;

    /// <summary>The devices as they are now.</summary>
    public IReadOnlyList<ServedDevice> Devices
    {
        get
        {
            lock (_gate)
                return [.. _devices];
        }
    }

    /// <summary>Numbers of those that have failed.</summary>
    public IReadOnlySet<int> Lost => Devices.Where(device => !device.IsUp).Select(device => device.Number).ToHashSet();

    /// <summary>Where a new sequence of a request is at home: its number says which device, and when that has failed, which of the others.</summary>
    public Home HomeOf(long request)
    {
        ServedDevice[] devices = [.. Devices.Take(_homes)];
        var home = devices[TokenRoutes.HomeOf(request, _homes)];
        ServedDevice[] up = [.. devices.Where(device => device.IsUp)];
        if (!home.IsUp && up.Length > 0)
            home = up[TokenRoutes.HomeOf(TokenRoutes.TurnOf(request, _homes), up.Length)];
        return new(home.Number, home.Restarts);
    }

    /// <summary>Whether sequences can be at home anywhere.</summary>
    public bool HasHomes => Devices.Take(_homes).Any(device => device.IsUp);

    /// <summary>Whether a device is as it was then.</summary>
    public bool Has(Home home) => Devices[home.Device] is { IsUp: true } device && device.Restarts == home.Incarnation;

    /// <summary>Gives a device work.</summary>
    /// <param name="device">Its number.</param>
    /// <param name="work">The work.</param>
    /// <param name="atEnd">Runs when the device uses nothing of it any more.</param>
    public DeviceJob Start(int device, Action<RunOptions> work, Action atEnd)
    {
        var job = new DeviceJob(options =>
        {
            Faults.Meet(device);
            work(options);
        }, atEnd);
        DeviceWorker worker;
        lock (_gate)
            worker = _workers[device];
        worker.Post(job);
        return job;
    }

    /// <summary>Waits for a piece of work. When it takes too long, its device has failed.</summary>
    /// <returns>True when it is done, well or not.</returns>
    public bool Finish(int device, DeviceJob job)
    {
        if (job.Wait(_limit))
            return true;
        Fail(device, FormattableString.Invariant($"It did not answer within {_limit.TotalSeconds} seconds (Serve:DeviceTimeout)."), job);
        return false;
    }

    /// <summary>A device is not to be used any more.</summary>
    /// <param name="device">Its number.</param>
    /// <param name="reason">What happened.</param>
    /// <param name="job">The work that it failed at.</param>
    public void Fail(int device, string reason, DeviceJob job)
    {
        ServedDevice failed;
        lock (_gate)
        {
            if (!_devices[device].IsUp)
                return;
            failed = _devices[device] = _devices[device] with { Failure = reason, Failures = _devices[device].Failures + 1 };
            _left.Add(_workers[device]);
        }
        job.Terminate();
        _workers[device].Stop(new InvalidOperationException(reason));
        Changed?.Invoke(failed);
    }

    /// <summary>Gives a failed device a new thread, without using it yet.</summary>
    public void Prepare(int device)
    {
        Faults.Clear(device);
        lock (_gate)
            _workers[device] = new DeviceWorker(device);
    }

    /// <summary>A device that was prepared is used again, or, with a reason, not.</summary>
    public void Restarted(int device, string? failure)
    {
        ServedDevice restarted;
        lock (_gate)
        {
            restarted = _devices[device] = _devices[device] with { Failure = failure, Restarts = _devices[device].Restarts + 1 };
            if (failure is not null)
                _left.Add(_workers[device]);
        }
        if (failure is not null)
            _workers[device].Stop(new InvalidOperationException(failure));
        Changed?.Invoke(restarted);
    }

    /// <summary>Ends the threads.</summary>
    /// <returns>False when one hangs, so that what it uses must not be freed.</returns>
    public bool Stop()
    {
        for (var device = 0; device < _devices.Length; device++)
        {
            Faults.Clear(device);
            _workers[device].Stop(new ObjectDisposedException(nameof(DeviceGroup)));
        }
        return _workers.Concat(_left).All(worker => worker.Join(EndLimit));
    }
}
