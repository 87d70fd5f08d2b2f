namespace OnnxMoe.Placement.Simulation;

/// <summary>What one GPU does in one pass of a layer.</summary>
/// <param name="Seconds">From the first message to the last.</param>
/// <param name="Compute">Seconds that its two products take alone, with all blocks and nothing cut: the least that any policy computes.</param>
/// <param name="Bytes">Bytes it received and sent over links.</param>
public sealed record RankTimes(double Seconds, double Compute, long Bytes)
{
    /// <summary>The timelines one after the other: a single one, or Comet's two halves.</summary>
    public required IReadOnlyList<HalfTimes> Halves { get; init; }

    /// <summary>Seconds in which it does not compute, or computes slower than it could.</summary>
    public double Exposed => Seconds - Compute;
}
