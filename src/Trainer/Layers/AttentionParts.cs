namespace OnnxMoe.Trainer.Layers;

/// <summary>The columns of a matrix that makes queries, keys and values at once: all queries, then all keys, then all values.</summary>
/// <param name="Queries">Width of the queries of all heads.</param>
/// <param name="Keys">Width of the keys of all heads, and of the values.</param>
internal sealed record AttentionParts(int Queries, int Keys)
{
    public int Total => Queries + (2 * Keys);

    public long[] Widths => [Queries, Keys, Keys];

    /// <summary>The columns of the first heads, whose widths are given.</summary>
    public IReadOnlyList<(long Start, long End)> First(AttentionParts used) =>
        [(0, used.Queries), (Queries, Queries + used.Keys), (Queries + Keys, Queries + Keys + used.Keys)];
}
