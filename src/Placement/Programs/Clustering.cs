using OnnxMoe.Artifacts.Placement;

namespace OnnxMoe.Placement.Programs;

/// <summary>The experts of one layer, divided among as many clusters as there are GPUs.</summary>
/// <param name="ClusterOf">Cluster of each expert [E].</param>
/// <param name="Solve">How good it is.</param>
public sealed record Clustering(int[] ClusterOf, SolveRecord Solve)
{
    /// <summary>G x O1 = sum over clusters of |G x load - total load|: the paper's objective, kept whole.</summary>
    public static long Deviation(IReadOnlyList<long> load, IReadOnlyList<int> clusterOf, int clusters)
    {
        var total = load.Sum();
        return Loads(load, clusterOf, clusters).Sum(t => Math.Abs(clusters * t - total));
    }

    /// <summary>Load of each cluster.</summary>
    public static long[] Loads(IReadOnlyList<long> load, IReadOnlyList<int> clusterOf, int clusters)
    {
        var loads = new long[clusters];
        for (var e = 0; e < load.Count; e++)
            loads[clusterOf[e]] += load[e];
        return loads;
    }

    /// <summary>
    /// A bound on the deviation from counting alone: the total may not divide evenly, and the hottest expert's cluster has at
    /// least its load (what it has too much, others have too little: twice).
    /// </summary>
    public static long DeviationBound(IReadOnlyList<long> load, int clusters)
    {
        var total = load.Sum();
        var remainder = total % clusters;
        return Math.Max(2 * remainder * (clusters - remainder), 2 * Math.Max(0, clusters * load.Max() - total));
    }

    /// <summary>Renumbers clusters in the order in which the experts, heaviest first, name them.</summary>
    internal static int[] FirstOccurrence(int[] clusterOf, int[] order, int clusters)
    {
        var number = Enumerable.Repeat(-1, clusters).ToArray();
        var next = 0;
        foreach (var e in order)
        {
            if (number[clusterOf[e]] < 0)
                number[clusterOf[e]] = next++;
        }
        return [.. clusterOf.Select(c => number[c])];
    }
}
