namespace OnnxMoe.Placement.Sharding;

/// <summary>What a policy gave, as means over the iterations.</summary>
/// <param name="Policy">Its name.</param>
/// <param name="Meaning">What it does.</param>
/// <param name="Mean">The means; copies are rounded.</param>
/// <param name="Memory">The peak.</param>
public sealed record PolicyFigures(string Policy, string Meaning, IterationTotals Mean, MemorySplit Memory)
{
    /// <summary>Takes the means.</summary>
    public static PolicyFigures Of(SimulatedTraining training) => new(training.Policy.Name, training.Policy.Meaning,
        new IterationTotals(training.Straggler, training.Seconds, training.Mean(i => i.Attention), training.Mean(i => i.Experts), training.Mean(i => i.AllToAll), training.Mean(i => i.Exposed),
            training.Mean(i => i.Moving), training.Mean(i => i.CollectiveSeconds), training.Mean(i => i.CollectiveBytes), training.Mean(i => i.TokenBytes), training.Mean(i => i.MovedBytes),
            (int)Math.Round(training.Mean(i => i.Copies))), training.Memory);
}
