using System.Collections.Concurrent;

namespace OnnxMoe.Serving.ExpertParallel;

/// <summary>The thread that works on one device, one piece of work after the other. When a piece hangs, it hangs, and nobody else.</summary>
internal sealed class DeviceWorker
{
    private readonly BlockingCollection<DeviceJob> _jobs = [];
    private readonly Thread _thread;
    private volatile Exception? _stopped;

    /// <param name="device">Number of the device.</param>
    public DeviceWorker(int device)
    {
        _thread = new Thread(Work) { Name = $"onnxmoe device {device}", IsBackground = true };
        _thread.Start();
    }

    /// <summary>Hands over a piece of work.</summary>
    public void Post(DeviceJob job)
    {
        try
        {
            _jobs.Add(job);
        }
        catch (InvalidOperationException) when (_stopped is { } reason)
        {
            job.Cancel(reason);
        }
    }

    /// <summary>Takes no further work, and gives up what was not begun.</summary>
    public void Stop(Exception reason)
    {
        _stopped = reason;
        _jobs.CompleteAdding();
        while (_jobs.TryTake(out var job))
            job.Cancel(reason);
    }

    /// <summary>Waits for the thread to end after <see cref="Stop"/>.</summary>
    /// <returns>False when it hangs.</returns>
    public bool Join(TimeSpan limit) => _thread.Join(limit);

    private void Work()
    {
        foreach (var job in _jobs.GetConsumingEnumerable())
            job.Run();
    }
}
