namespace OnnxMoe.Placement.Simulation;

/// <summary>In which order a GPU meets the GPUs that its rows come from.</summary>
public static class RankOrder
{
    /// <summary>
    /// The rotation of Comet: the own rank, those behind it in its node and round to those before it, then the next nodes, each begun at the
    /// same place. In step with each other, no two GPUs of equal nodes ask the same one at once.
    /// </summary>
    /// <param name="rank">The GPU.</param>
    /// <param name="nodeOf">The node of each GPU [W]; nodes are 0, 1, ... and their GPUs follow each other.</param>
    /// <returns>The rank of each stage [W].</returns>
    public static int[] Of(int rank, IReadOnlyList<int> nodeOf)
    {
        var nodes = Enumerable.Range(0, nodeOf.Count).GroupBy(r => nodeOf[r]).OrderBy(n => n.Key).Select(n => n.ToArray()).ToArray();
        var (own, place) = (nodeOf[rank], rank - nodes[nodeOf[rank]][0]);
        return [.. Enumerable.Range(0, nodes.Length).Select(n => nodes[(own + n) % nodes.Length]).SelectMany(node => node.Select((_, i) => node[(place + i) % node.Length]))];
    }
}
