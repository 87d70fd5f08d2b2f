namespace OnnxMoe.Placement.Clusters;

/// <summary>A cluster description file: nodes with GPUs, and what connects them.</summary>
/// <param name="Name">Name in plans and reports.</param>
/// <param name="Nodes">The machines.</param>
/// <param name="WithinNode">Connection of two GPUs of one node.</param>
public sealed record ClusterDescription(string Name, IReadOnlyList<ClusterNode> Nodes, ClusterLink WithinNode)
{
    /// <summary>Where the figures come from, a line each.</summary>
    public IReadOnlyList<string> Sources { get; init; } = [];

    /// <summary>The machines one by one.</summary>
    public IEnumerable<ClusterNode> Machines => Nodes.SelectMany(node => Enumerable.Range(0, node.Count).Select(number => node.Count == 1 || node.Name == "" ? node : node with { Name = $"{node.Name}{number}" }));

    /// <summary>Connection of two GPUs of different nodes; needed where there are several nodes.</summary>
    public ClusterLink? BetweenNodes { get; init; }

    /// <summary>What all GPUs of a node together send to other nodes, and receive from them, in 10^9 bytes a second; 0 where each GPU has a port of its own.</summary>
    public double NodeGigabytesPerSecond { get; init; }

    /// <summary>Bandwidth of each pair [from][to] in 10^9 bytes a second, where the two levels are not enough; the diagonal is ignored.</summary>
    public IReadOnlyList<IReadOnlyList<double>>? Bandwidth { get; init; }

    /// <summary>Whether <see cref="Bandwidth"/> must be the same in both directions, which is checked.</summary>
    public bool Symmetric { get; init; } = true;
}
