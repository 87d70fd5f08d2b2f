namespace OnnxMoe.Placement.Collectives;

/// <summary>How the ranks of a group lie on nodes: all that the cost of a collective depends on.</summary>
/// <param name="Size">Ranks.</param>
/// <param name="Nodes">Nodes that have any of them.</param>
/// <param name="Most">Ranks on the node with the most.</param>
/// <param name="Fewest">Ranks on the node with the fewest.</param>
public readonly record struct GroupLayout(int Size, int Nodes, int Most, int Fewest)
{
    /// <summary>Whether every node has as many; two-level algorithms need that.</summary>
    public bool IsEven => Most == Fewest;

    /// <summary>A group of one rank, in which nothing moves.</summary>
    public static GroupLayout Single { get; } = new(1, 1, 1, 1);

    /// <summary>The layout of some ranks.</summary>
    /// <param name="ranks">At least one.</param>
    /// <param name="nodeOf">Node of each rank of the cluster.</param>
    public static GroupLayout Of(IReadOnlyList<int> ranks, IReadOnlyList<int> nodeOf)
    {
        var counts = ranks.CountBy(rank => nodeOf[rank]).Select(node => node.Value).ToList();
        return new GroupLayout(ranks.Count, counts.Count, counts.Max(), counts.Min());
    }
}
