namespace OnnxMoe.Placement.Simulation;

/// <summary>Orders the tiles of the first product, so that those run first whose rows are there first.</summary>
public static class TileSchedule
{
    /// <summary>Tiles that the greedy schedule takes at once, as the released code does.</summary>
    public const int GreedyTiles = 4;

    /// <summary>The tiles in the order in which blocks take them; each once.</summary>
    /// <param name="tiles">Expert by expert, as <see cref="RowTile.Cut"/> gives them.</param>
    /// <param name="order">The rule.</param>
    /// <param name="greedyTiles">Tiles of a piece of the greedy schedule.</param>
    public static IReadOnlyList<RowTile> Of(IReadOnlyList<RowTile> tiles, TileOrder order, int greedyTiles = GreedyTiles) => order switch
    {
        TileOrder.Plain => tiles,
        TileOrder.Stage => [.. tiles.OrderBy(t => t.Stage).ThenBy(t => t.Expert).ThenBy(t => t.Number)],
        _ => Greedy(tiles, greedyTiles),
    };

    static List<RowTile> Greedy(IReadOnlyList<RowTile> tiles, int greedyTiles)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(greedyTiles, 1);
        var pieces = tiles.GroupBy(t => t.Expert).ToDictionary(expert => expert.Key, expert => new Queue<RowTile[]>(expert.Chunk(greedyTiles)));
        var heads = new PriorityQueue<int, (int Sources, int Expert)>();
        void Offer(int expert)
        {
            if (pieces[expert].TryPeek(out var piece))
                heads.Enqueue(expert, (piece[^1].SourcesSoFar, expert));
        }
        foreach (var expert in pieces.Keys)
            Offer(expert);
        var result = new List<RowTile>(tiles.Count);
        while (heads.TryDequeue(out var expert, out _))
        {
            result.AddRange(pieces[expert].Dequeue());
            Offer(expert);
        }
        return result;
    }
}
