namespace OnnxMoe.Placement.Simulation;

/// <summary>Simulated seconds of the routed layers in a model's step: not of attention, of shared experts and of all else that a plan does not change.</summary>
/// <param name="Seconds">Of each simulated step, in the order of simulation.</param>
/// <param name="Layers">Each pass of a layer in the mean over the steps.</param>
public sealed record StepTimes(IReadOnlyList<double> Seconds, IReadOnlyList<StepLayer> Layers)
{
    /// <summary>Mean over the steps.</summary>
    public double Mean => Seconds.Average();

    /// <summary>Median.</summary>
    public double P50 => Percentile(0.5);

    /// <summary>Of 20 steps one is slower.</summary>
    public double P95 => Percentile(0.95);

    /// <summary>The slowest step.</summary>
    public double Max => Seconds.Max();

    /// <summary>Share of the step in which the slowest GPUs do not compute: communication that nothing hides, and waiting for it.</summary>
    public double CommunicationShare => Layers.Sum(l => l.Exposed) / Layers.Sum(l => l.Slowest);

    /// <summary>How much longer the slowest GPU of a layer takes than one in the mean, over all layers; 1 is perfect.</summary>
    public double Tail => Layers.Sum(l => l.Slowest) / Layers.Sum(l => l.Mean);

    /// <summary>What a reader should know, a sentence each.</summary>
    public IReadOnlyList<string> Notes { get; init; } = [];

    /// <summary>The smallest step time that at least this share of the steps does not exceed.</summary>
    public double Percentile(double share)
    {
        var sorted = Seconds.Order().ToArray();
        return sorted[Math.Clamp((int)Math.Ceiling(share * sorted.Length) - 1, 0, sorted.Length - 1)];
    }
}
