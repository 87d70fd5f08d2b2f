namespace OnnxMoe.Placement.Explanations;

/// <summary>What a plan does in one layer. Measures that need a token trace are NaN for expert counts.</summary>
/// <param name="MaxOverMean">Time of the GPU that takes longest over the mean (load over the mean where all GPUs are equally fast).</param>
/// <param name="FlowBusiest">Flow model: the busiest pair of GPUs, summed over the steps into, within and out of the layer, in tokens on the fastest link; NaN where there is no such step.</param>
/// <param name="HomeCopies">Home model: other GPUs that a token is sent to, in an iteration of the layer.</param>
public sealed record LayerMeasures(double MaxOverMean, double FlowBusiest, double HomeCopies)
{
    const double Noise = 1e-9;

    /// <summary>The measures there are, with those of another plan.</summary>
    IEnumerable<(double Now, double Before)> Beside(LayerMeasures before) =>
        new[] { (MaxOverMean, before.MaxOverMean), (FlowBusiest, before.FlowBusiest), (HomeCopies, before.HomeCopies) }.Where(pair => double.IsFinite(pair.Item1));

    /// <summary>Sum over the measures of their relative changes: below 0 is better on the whole. From nothing to something counts 1.</summary>
    public double CostAgainst(LayerMeasures before) =>
        Beside(before).Sum(pair => pair.Before > 0 ? (pair.Now - pair.Before) / pair.Before : Math.Sign(pair.Now - pair.Before));

    /// <summary>Whether every measure is smaller.</summary>
    public bool IsBetterInAllThan(LayerMeasures before) => Beside(before).All(pair => pair.Now < pair.Before - Noise * Math.Max(1, pair.Before));

    /// <summary>Whether no measure is larger and one is smaller.</summary>
    public bool IsBetterOrEqualInAllThan(LayerMeasures before) =>
        Beside(before).All(pair => pair.Now <= pair.Before + Noise * Math.Max(1, pair.Before)) && Beside(before).Any(pair => pair.Now < pair.Before - Noise * Math.Max(1, pair.Before));
}
