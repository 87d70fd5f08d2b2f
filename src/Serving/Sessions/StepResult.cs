using System.Runtime.ExceptionServices;

namespace OnnxMoe.Serving.Sessions;

/// <summary>What became of a step among several that ran together.</summary>
/// <param name="Forward">What it computed, the receiver's; null when it failed.</param>
/// <param name="Problem">Why it failed.</param>
public readonly record struct StepResult(ForwardResult? Forward, Exception? Problem)
{
    /// <summary>What it computed, or throws what went wrong.</summary>
    public ForwardResult Value()
    {
        if (Problem is not null)
            ExceptionDispatchInfo.Throw(Problem);
        return Forward!;
    }
}
