using OnnxMoe.Placement.Sharding.Policies;

namespace OnnxMoe.Placement.Sharding;

/// <summary>What a simulated training gave with one policy.</summary>
/// <param name="Policy">The policy.</param>
/// <param name="Iterations">In order.</param>
/// <param name="Memory">The peak of all iterations.</param>
public sealed record SimulatedTraining(ShardingPolicy Policy, IReadOnlyList<IterationTotals> Iterations, MemorySplit Memory)
{
    /// <summary>Mean straggler factor.</summary>
    public double Straggler => Mean(i => i.Straggler);

    /// <summary>Mean seconds of an iteration.</summary>
    public double Seconds => Mean(i => i.Seconds);

    /// <summary>A mean over the iterations.</summary>
    public double Mean(Func<IterationTotals, double> of) => Iterations.Average(of);
}
