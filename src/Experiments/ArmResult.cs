namespace OnnxMoe.Experiments;

/// <summary>The runs of an arm, one for each seed.</summary>
/// <param name="Arm">The arm.</param>
/// <param name="Runs">In the order of the seeds.</param>
public sealed record ArmResult(Arm Arm, IReadOnlyList<Measurement> Runs)
{
    /// <summary>The run of a seed.</summary>
    public Measurement Run(long seed) => Runs.Single(run => run.Seed == seed);

    /// <summary>True when some run measured it.</summary>
    public bool Has(string measure) => Runs.Any(run => run.Values.ContainsKey(measure));
}
