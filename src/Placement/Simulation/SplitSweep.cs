using OnnxMoe.Placement.Clusters;

namespace OnnxMoe.Placement.Simulation;

/// <summary>Comet's adaptive assignment: tries how many blocks communicate, in either half, and how wide a column block is.</summary>
public sealed class SplitSweep
{
    /// <summary>Widest column block that is tried, as in the released code.</summary>
    public const int WidestColumns = 1280;

    SplitSweep(IReadOnlyList<SweepPoint> points) => Points = points;

    /// <summary>What each number of blocks gave.</summary>
    public IReadOnlyList<SweepPoint> Points { get; }

    /// <summary>The best division; of equal ones that with the fewest communicating blocks.</summary>
    public BlockSplit Best => new(Points.MinBy(p => p.Dispatch)!.Blocks, BestCombine.Blocks, BestCombine.ColumnBlock);

    /// <summary>Seconds of both halves with the best division, each on its slowest GPU.</summary>
    public double Seconds => Points.Min(p => p.Dispatch) + BestCombine.Combine;

    SweepPoint BestCombine => Points.MinBy(p => p.Combine)!;

    /// <summary>Tries every second number of blocks up to half of them.</summary>
    /// <param name="gpus">The GPUs of a layer.</param>
    /// <param name="device">One of them; the division is the same on all.</param>
    /// <param name="hidden">Columns of a token's row.</param>
    /// <param name="tile">Size of the tiles.</param>
    public static SplitSweep Of(IReadOnlyList<RankSimulator> gpus, Device device, int hidden, TileSize tile)
    {
        var columns = ColumnBlocks(hidden, tile.Columns);
        return new SplitSweep([.. Candidates(device.Blocks).Select(blocks =>
        {
            var (combine, width) = columns.Select(c => (Seconds: gpus.Max(g => g.Combine(new BlockSplit(blocks, blocks, c)).Seconds), c)).MinBy(c => c.Seconds);
            return new SweepPoint(blocks, gpus.Max(g => g.Dispatch(blocks).Seconds), combine, width);
        })]);
    }

    /// <summary>Column blocks that are tried: whole tiles that divide the row, widest first, so that of equal ones the fewest messages are sent; the whole row where none does.</summary>
    public static IReadOnlyList<int> ColumnBlocks(int hidden, int tileColumns)
    {
        int[] widths = [.. Enumerable.Range(1, WidestColumns / tileColumns).Select(i => i * tileColumns).Where(width => hidden % width == 0).Reverse()];
        return widths.Length > 0 ? widths : [hidden];
    }

    static IEnumerable<int> Candidates(int blocks) => blocks < 4 ? [1] : Enumerable.Range(1, blocks / 4).Select(i => 2 * i);
}
