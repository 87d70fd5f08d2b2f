namespace OnnxMoe.Serving.ExpertParallel;

/// <summary>The devices are this process's, and share its memory.</summary>
/// <param name="devices">The devices.</param>
internal sealed class DeviceExchange(DeviceGroup devices) : IExpertExchange
{
    /// <inheritdoc/>
    public bool Reaches(IReadOnlyList<int> wanted) => !wanted.Any(devices.Lost.Contains);

    /// <inheritdoc/>
    public float[][]? Apply(ExpertCall call, PlacedExperts experts, IReadOnlyList<ExpertWork> work, TrafficCounter traffic)
    {
        var sums = Array.ConvertAll(new float[work.Count][], _ => Array.Empty<float>());
        int[] busy = [.. Enumerable.Range(0, work.Count).Where(device => work[device].Count > 0)];
        var jobs = Array.ConvertAll(busy, Start);
        var done = true;
        for (var i = 0; i < busy.Length; i++)
        {
            if (!devices.Finish(busy[i], jobs[i]))
                done = false;
            else if (jobs[i].Problem is { } problem) // what it was given had been checked, so the fault is the device's
            {
                devices.Fail(busy[i], $"The experts of layer {call.Site} threw {problem.GetType().Name}: {problem.Message}", jobs[i]);
                done = false;
            }
        }
        return done ? sums : null;

        DeviceJob Start(int device)
        {
            var (used, part) = (experts.Share(), work[device]);
            return devices.Start(device, options =>
            {
                var began = TimeProvider.System.GetTimestamp();
                sums[device] = used.SessionsOf(call)[device]!.Apply(part.Rows, part.Places, part.Weights, part.Count, options);
                traffic.Worked(device, TimeProvider.System.GetElapsedTime(began));
            }, used.Dispose);
        }
    }
}
