namespace OnnxMoe.Serving.ExpertParallel;

/// <summary>Failures that tests and drills give to devices.</summary>
public sealed class DeviceFaults
{
    private readonly Lock _gate = new();
    private readonly Dictionary<int, Fault> _faults = [];

    /// <summary>From now on all that the device does fails.</summary>
    /// <param name="device">Number of the device.</param>
    /// <param name="after">So many pieces of work still succeed: a segment of the model for a run, or the experts of a layer.</param>
    public void Fail(int device, int after = 0) => Set(device, new(after, null));

    /// <summary>What the device does next does not end before <see cref="Clear"/>, whoever asks it to.</summary>
    /// <inheritdoc cref="Fail"/>
    public void Hang(int device, int after = 0) => Set(device, new(after, new ManualResetEventSlim()));

    /// <summary>Takes the fault away; what hangs goes on, as if nothing had been.</summary>
    public void Clear(int device)
    {
        lock (_gate)
        {
            if (_faults.Remove(device, out var fault))
                fault.Gate?.Set();
        }
    }

    /// <summary>Called before each piece of work of a device: returns, throws or hangs.</summary>
    internal void Meet(int device)
    {
        ManualResetEventSlim? gate;
        lock (_gate)
        {
            if (!_faults.TryGetValue(device, out var fault))
                return;
            if (fault.After > 0)
            {
                _faults[device] = fault with { After = fault.After - 1 };
                return;
            }
            gate = fault.Gate;
        }
        if (gate is null)
            throw new InvalidOperationException("It was made to fail, to try out what happens then.");
        gate.Wait();
    }

    private void Set(int device, Fault fault)
    {
        Clear(device);
        lock (_gate)
            _faults[device] = fault;
    }

    /// <param name="After">Pieces of work that still succeed.</param>
    /// <param name="Gate">What the next one waits for; null when it fails.</param>
    private sealed record Fault(int After, ManualResetEventSlim? Gate);
}
