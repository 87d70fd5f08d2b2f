using OnnxMoe.Serving.Sessions;

namespace OnnxMoe.Serving.ExpertParallel;

/// <summary>How one of a server's devices is.</summary>
/// <param name="Number">Its number in the plan.</param>
/// <param name="Device">What it is.</param>
/// <param name="Failure">Why it is not used; null when it is.</param>
/// <param name="Failures">How often it has failed.</param>
/// <param name="Restarts">How often it was started again.</param>
public sealed record ServedDevice(int Number, Device Device, string? Failure, int Failures, int Restarts)
{
    /// <summary>Whether it is used.</summary>
    public bool IsUp => Failure is null;
}
