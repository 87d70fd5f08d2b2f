namespace OnnxMoe.Experiments.Verdicts;

/// <summary>Differences of two measures, one for each seed, of runs that met the same initial weights and batches.</summary>
/// <param name="BySeed">The difference at each seed; NaN where a run failed.</param>
public sealed record PairedDifference(IReadOnlyList<(long Seed, double Value)> BySeed)
{
    /// <summary>The mean; NaN when a value is no number.</summary>
    public double Mean { get; } = Statistics.Mean(BySeed.Select(pair => pair.Value));

    /// <summary>The mean's standard error; NaN for one seed.</summary>
    public double StandardError { get; } = Statistics.StandardError(BySeed.Select(pair => pair.Value));

    /// <summary>The seeds at which there is no number.</summary>
    public IEnumerable<long> Failed => BySeed.Where(pair => !double.IsFinite(pair.Value)).Select(pair => pair.Seed);

    /// <summary>A measure of one arm minus a measure of another, seed by seed.</summary>
    public static PairedDifference Of(ArmResult arm, string measure, ArmResult other, string otherMeasure) =>
        new([.. arm.Runs.Select(run => (run.Seed, run[measure] - other.Run(run.Seed)[otherMeasure]))]);

    /// <inheritdoc cref="Of(ArmResult, string, ArmResult, string)"/>
    public static PairedDifference Of(ArmResult arm, ArmResult other, string measure) => Of(arm, measure, other, measure);

    /// <summary>A number computed from the run of each seed.</summary>
    public static PairedDifference Of(ArmResult arm, Func<Measurement, double> value) => new([.. arm.Runs.Select(run => (run.Seed, value(run)))]);
}
