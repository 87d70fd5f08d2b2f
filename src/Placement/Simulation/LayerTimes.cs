namespace OnnxMoe.Placement.Simulation;

/// <summary>One pass of a layer on all GPUs; it ends when the slowest is done.</summary>
/// <param name="Gpus">Each GPU [W].</param>
public sealed record LayerTimes(IReadOnlyList<RankTimes> Gpus)
{
    /// <summary>Seconds of the slowest GPU: the pass.</summary>
    public double Seconds => Gpus.Max(g => g.Seconds);

    /// <summary>Seconds of a GPU in the mean.</summary>
    public double Mean => Gpus.Average(g => g.Seconds);

    /// <summary>Seconds of the slowest products alone: what would be left if all communication were hidden for nothing.</summary>
    public double Compute => Gpus.Max(g => g.Compute);

    /// <summary>Seconds in which the slowest GPU does not compute, or computes slower than it could.</summary>
    public double Exposed => Gpus.MaxBy(g => g.Seconds)!.Exposed;

    /// <summary>Bytes over links, received and sent by the GPUs that have the experts.</summary>
    public long Bytes => Gpus.Sum(g => g.Bytes);

    /// <summary>
    /// Share of the communication that a policy hides: 1 - (its seconds - <see cref="Compute"/>) / (seconds without overlap - <see cref="Compute"/>).
    /// What is not hidden includes waiting for the first rows and the last ones, padded tiles of chunks and blocks that do not compute, so it may be negative.
    /// </summary>
    /// <param name="none">The same pass without overlap.</param>
    public double Hidden(LayerTimes none) => none.Seconds <= none.Compute ? 0 : 1 - ((Seconds - none.Compute) / (none.Seconds - none.Compute));

    /// <summary>Simulates a pass.</summary>
    /// <param name="gpus">The GPUs [W].</param>
    /// <param name="policy">How they hide communication.</param>
    /// <param name="split">Comet's division of the blocks.</param>
    public static LayerTimes Of(IReadOnlyList<RankSimulator> gpus, OverlapPolicy policy, BlockSplit? split = null) => new([.. gpus.Select(gpu => gpu.Run(policy, split))]);
}
