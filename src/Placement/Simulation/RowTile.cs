namespace OnnxMoe.Placement.Simulation;

/// <summary>A row of tiles of one expert in the first product, with the rows it needs.</summary>
/// <param name="Expert">Place of the expert among those of the GPU.</param>
/// <param name="Number">Number of the tile within the expert.</param>
/// <param name="Parts">For each stage of <see cref="RankOrder"/> that rows come from, which of that source's rows for the expert they are, first and last.</param>
/// <param name="SourcesSoFar">From how many GPUs the rows up to the end of this tile come.</param>
public sealed record RowTile(int Expert, int Number, IReadOnlyList<(int Stage, int First, int Last)> Parts, int SourcesSoFar)
{
    /// <summary>The stage at which all its rows are there: the latest of its sources.</summary>
    public int Stage => Parts.Max(part => part.Stage);

    /// <summary>Rows of the tile; the last of an expert may be less than full.</summary>
    public int Rows => Parts.Sum(part => part.Last - part.First + 1);

    /// <summary>Cuts the rows of every expert into tiles, expert by expert.</summary>
    /// <param name="rows">Rows of each expert by source [experts][W].</param>
    /// <param name="order">The source of each stage [W].</param>
    /// <param name="tileRows">Rows of a tile.</param>
    /// <param name="sorted">Whether an expert's rows are sorted by the stage of their source; else sources are mixed evenly, as in a batch without an order.</param>
    public static List<RowTile> Cut(IReadOnlyList<int[]> rows, int[] order, int tileRows, bool sorted)
    {
        var tiles = new List<RowTile>();
        for (var expert = 0; expert < rows.Count; expert++)
        {
            var stages = Stages(rows[expert], order, sorted);
            var (met, sources) = (new int[order.Length], 0);
            for (var first = 0; first < stages.Length; first += tileRows)
            {
                var before = (int[])met.Clone();
                foreach (var stage in stages.AsSpan(first, Math.Min(tileRows, stages.Length - first)))
                    sources += met[stage]++ == 0 ? 1 : 0;
                tiles.Add(new RowTile(expert, first / tileRows,
                    [.. Enumerable.Range(0, order.Length).Where(s => met[s] > before[s]).Select(s => (s, before[s], met[s] - 1))], sources));
            }
        }
        return tiles;
    }

    /// <summary>The stage of the source of each row, in the order of the rows.</summary>
    static int[] Stages(int[] rows, int[] order, bool sorted)
    {
        var all = order.SelectMany((rank, stage) => Enumerable.Range(0, rows[rank]).Select(i => (Stage: stage, At: (i + 0.5) / rows[rank])));
        return [.. (sorted ? all : all.OrderBy(row => row.At).ThenBy(row => row.Stage)).Select(row => row.Stage)];
    }
}
