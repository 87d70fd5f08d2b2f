namespace OnnxMoe.Placement.Mappings;

/// <summary>
/// What no data sheet says and the step time depends on. The values are round numbers from published measurements of H100 and A100 machines, not fitted to any
/// result; <see cref="Drawn"/> varies them to see what hangs on them.
/// </summary>
public sealed record CostAssumptions
{
    /// <summary>Share of the peak that a large matrix product reaches.</summary>
    public double GemmShare { get; init; } = 0.72;

    /// <summary>Rows and columns of the tile that a matrix product is computed in; a part of a tile costs a whole one.</summary>
    public (int Rows, int Columns) Tile { get; init; } = (128, 256);

    /// <summary>Inner width at which half of that share is reached: the pipeline of a tile has to fill.</summary>
    public double HalfDepth { get; init; } = 192;

    /// <summary>Share of the peak that fused attention reaches.</summary>
    public double AttentionShare { get; init; } = 0.45;

    /// <summary>Share of the bandwidths of links that transfers reach.</summary>
    public double LinkShare { get; init; } = 0.8;

    /// <summary>Share of the memory bandwidth that elementwise work reaches.</summary>
    public double MemoryShare { get; init; } = 0.8;

    /// <summary>Memory of each GPU that the runtime takes: context, communication buffers, fragments; in GiB.</summary>
    public double RuntimeGiB { get; init; } = 6;

    /// <summary>The same with every share and length multiplied by a factor between 1 / spread and spread, evenly in its logarithm.</summary>
    /// <param name="seed">Of the draws.</param>
    /// <param name="spread">Above 1.</param>
    public CostAssumptions Drawn(long seed, double spread = 1.25)
    {
        var random = new Random((int)(seed % int.MaxValue));
        double Factor() => Math.Pow(spread, (2 * random.NextDouble()) - 1);
        return this with
        {
            GemmShare = Math.Min(1, GemmShare * Factor()),
            HalfDepth = HalfDepth * Factor(),
            AttentionShare = Math.Min(1, AttentionShare * Factor()),
            LinkShare = Math.Min(1, LinkShare * Factor()),
            MemoryShare = Math.Min(1, MemoryShare * Factor()),
            RuntimeGiB = RuntimeGiB * Factor(),
        };
    }
}
