using OnnxMoe.Artifacts;
using OnnxMoe.Artifacts.Placement;
using OnnxMoe.Artifacts.Routing;
using OnnxMoe.Placement.Clusters;
using OnnxMoe.Placement.Simulation;

namespace OnnxMoe.Placement.Costs;

/// <summary>Bytes and operations of a model, as far as they are known (0 = unknown).</summary>
/// <param name="ExpertBytes">Bytes of one routed expert, per routed layer [L].</param>
/// <param name="ReplicatedBytes">Bytes of everything else: shared experts, attention, embeddings; every GPU holds them.</param>
/// <param name="TokenBytes">Bytes of one token's hidden state on a link.</param>
/// <param name="ExpertFlops">Operations of one expert for one token, per routed layer [L].</param>
public sealed record ModelSizes(IReadOnlyList<long> ExpertBytes, long ReplicatedBytes, long TokenBytes, IReadOnlyList<long> ExpertFlops)
{
    /// <summary>The matrix products of an expert, per routed layer [L]; empty when unknown.</summary>
    public IReadOnlyList<ExpertShape> Shapes { get; init; } = [];

    /// <summary>Bytes of weights on each GPU under a plan.</summary>
    public long[] Used(IReadOnlyList<PlacedLayer> layers, int gpus) =>
        [.. Enumerable.Range(0, gpus).Select(g => ReplicatedBytes + layers.Select((layer, l) => layer.Devices[g].Count * ExpertBytes[l]).Sum())];

    /// <summary>The unit in which memory is counted: one expert where all have the same size, else what divides them all (in a thousandth of the largest at least).</summary>
    long Unit => Math.Max(1, Math.Max(ExpertBytes.Aggregate(0L, (a, b) => (long)System.Numerics.BigInteger.GreatestCommonDivisor(a, b)), ExpertBytes.Max() / 1000));

    /// <summary>Units of memory that an expert takes, per layer [L]; 1 where sizes are unknown.</summary>
    public int[] ExpertUnits => [.. ExpertBytes.Select(bytes => bytes == 0 ? 1 : (int)((bytes + Unit - 1) / Unit))];

    /// <summary>How many units of experts each GPU can hold.</summary>
    public long[] Capacity(Cluster cluster) =>
        [.. cluster.Devices.Select(d => d.MemoryBytes == 0 || ExpertBytes.Max() == 0 ? int.MaxValue : Math.Max(0, d.MemoryBytes - ReplicatedBytes) / Unit)];

    /// <summary>Throws when no plan can fit, with the numbers.</summary>
    public void CheckMemory(IReadOnlyList<TracedLayer> layers, Cluster cluster)
    {
        if (cluster.Devices.Any(d => d.MemoryBytes == 0))
            return;
        var experts = layers.Select((layer, l) => layer.Experts * ExpertBytes[l]).Sum();
        var needed = experts + cluster.Devices.Count * ReplicatedBytes;
        var there = cluster.Devices.Sum(d => d.MemoryBytes);
        if (needed > there)
            throw new UserError($"The cluster '{cluster.Name}' has too little memory: the experts take {Units.Bytes(experts)} and the other weights {Units.Bytes(ReplicatedBytes)} on each of {cluster.Devices.Count} GPUs, together {Units.Bytes(needed)}, but the GPUs have {Units.Bytes(there)}; {Units.Bytes(needed - there)} more are needed: add GPUs, reserve less (reservedGiB), or export the weights with fewer bits.");
        if (cluster.Devices.FirstOrDefault(d => d.MemoryBytes < ReplicatedBytes + ExpertBytes.Sum()) is { } small)
            throw new UserError($"A GPU of node '{small.NodeName}' in '{cluster.Name}' has too little memory: {Units.Bytes(small.MemoryBytes)}, but the weights that every GPU holds and one expert of each layer take {Units.Bytes(ReplicatedBytes + ExpertBytes.Sum())}, {Units.Bytes(ReplicatedBytes + ExpertBytes.Sum() - small.MemoryBytes)} more; leave that GPU out, or reserve less (reservedGiB).");
    }
}
