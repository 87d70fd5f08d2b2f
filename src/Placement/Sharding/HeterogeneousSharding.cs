using OnnxMoe.Artifacts;
using OnnxMoe.Artifacts.Placement;
using OnnxMoe.Placement.Clusters;

namespace OnnxMoe.Placement.Sharding;

/// <summary>
/// Hecate's algorithm 2 (arXiv 2502.02581): who owns which expert. The t heaviest experts of a layer will be copied anyway, so only the
/// others are balanced, layer by layer; the heavy ones fill what is left. A device may own any number of experts of one layer,
/// but of all layers together as many as every other. Loads of nodes and devices are counted anew for each layer, as
/// layers run one after the other.
/// </summary>
public static class HeterogeneousSharding
{
    /// <summary>The owners [L].</summary>
    /// <param name="load">Expected tokens [L][E].</param>
    /// <param name="overlap">t: how many experts of a layer are copied anyway.</param>
    /// <param name="cluster">The devices and their nodes.</param>
    /// <param name="allowUneven">Whether some devices may own one expert more than others.</param>
    /// <exception cref="UserError">t is negative, or the devices cannot own equal numbers and that is not allowed.</exception>
    public static IReadOnlyList<PlacedLayer> Plan(IReadOnlyList<IReadOnlyList<double>> load, int overlap, Cluster cluster, bool allowUneven = false)
    {
        if (overlap < 0)
            throw new UserError($"The overlap degree is {overlap}; it cannot be below 0.");
        var (layers, experts, devices) = (load.Count, load[0].Count, cluster.Devices.Count);
        ExpertShards.CheckTotal(layers, experts, devices, allowUneven);
        var free = Enumerable.Range(0, devices).Select(d => (layers * experts / devices) + (d < layers * experts % devices ? 1 : 0)).ToArray();
        var owners = load.Select(_ => new int[experts]).ToArray();
        var ranked = load.Select(layer => ExpertShards.ByLoad(layer).ToArray()).ToArray();
        foreach (var layer in Enumerable.Range(0, layers).Where(_ => overlap < experts).OrderByDescending(l => load[l][ranked[l][overlap]]).ThenBy(l => l))
            Balance(ranked[layer].Skip(overlap), load[layer], free, cluster, owners[layer]);
        for (var layer = 0; layer < layers; layer++)
        {
            foreach (var expert in ranked[layer].Take(overlap))
            {
                var device = Enumerable.Range(0, devices).MaxBy(d => free[d]);
                free[device]--;
                owners[layer][expert] = device;
            }
        }
        return [.. owners.Select((of, layer) => ExpertShards.Placed(layer, of, devices))];
    }

    /// <summary>Each expert to the least loaded node with room, there to the least loaded device with room; of equal ones to that with fewer free slots.</summary>
    static void Balance(IEnumerable<int> experts, IReadOnlyList<double> load, int[] free, Cluster cluster, int[] owners)
    {
        var loads = new double[free.Length];
        var nodes = Enumerable.Range(0, free.Length).GroupBy(d => cluster.Devices[d].Node).Select(node => node.ToArray()).ToArray();
        foreach (var expert in experts)
        {
            var node = nodes.Where(n => n.Any(d => free[d] > 0)).OrderBy(n => n.Sum(d => loads[d])).ThenBy(n => n.Sum(d => free[d])).First();
            var device = node.Where(d => free[d] > 0).OrderBy(d => loads[d]).ThenBy(d => free[d]).First();
            loads[device] += load[expert];
            free[device]--;
            owners[expert] = device;
        }
    }
}
