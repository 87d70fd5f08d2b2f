namespace OnnxMoe.Trainer.Training;

/// <summary>What one optimizer step measured.</summary>
/// <param name="Loss">Mean cross-entropy, nats a token.</param>
/// <param name="Auxiliary">Router losses by name, summed over layers, times their coefficients; and what samplers have to say.</param>
/// <param name="GradientNorm">Before clipping.</param>
/// <param name="LearningRate">Of this step.</param>
/// <param name="TokensPerSecond">Of this step.</param>
public sealed record StepMetrics(double Loss, IReadOnlyDictionary<string, double> Auxiliary, double GradientNorm, double LearningRate, double TokensPerSecond)
{
    /// <summary>What <see cref="Loss"/> is called in the metrics: another word where it is no cross-entropy of the text.</summary>
    public string LossName { get; init; } = "loss";

    /// <summary>Experts that each token activated; null where the model's number does not change.</summary>
    public int? ActiveExperts { get; init; }

    /// <summary>Per routed layer, and per iteration where it has several, in order: how many tokens each expert got; null where nobody asks.</summary>
    public long[][]? ExpertCounts { get; init; }
}
