using OnnxMoe.Artifacts;
using OnnxMoe.Artifacts.Placement;
using OnnxMoe.Placement.Clusters;

namespace OnnxMoe.Placement.Sharding;

/// <summary>
/// Hecate's sparse all-gather (weights to the copies) and sparse reduce-scatter (gradients back to the owners) as lists of transfers. Each
/// expert goes along a chain: owner, the other devices of its node, node after node; so a device receives and sends an expert
/// at most once, and a node too. Gradients come back along the same chain, summed on the way.
/// </summary>
public static class SparseCollectives
{
    /// <summary>spAG: what makes <paramref name="after"/> of <paramref name="before"/>.</summary>
    /// <param name="owned">Each expert on its owner, which sends.</param>
    /// <param name="before">Copies that are there already; the sharded placement itself when there are none.</param>
    /// <param name="after">Copies that are wanted, those that are there among them.</param>
    /// <param name="cluster">The devices and their nodes.</param>
    /// <exception cref="UserError">An expert has no owner, or a copy would be dropped.</exception>
    public static List<Transfer> AllGather(PlacedLayer owned, PlacedLayer before, PlacedLayer after, Cluster cluster)
    {
        var (owners, had, wanted) = (ExpertShards.Owners(owned), before.Homes(), after.Homes());
        var transfers = new List<Transfer>();
        for (var expert = 0; expert < owners.Length; expert++)
        {
            foreach (var device in had[expert])
            {
                if (!wanted[expert].Contains(device))
                    throw new UserError($"Expert {expert} of layer {owned.Layer} is on device {device}, but not in the placement that is to be made of it.");
            }
            var (from, home) = (owners[expert], cluster.Devices[owners[expert]].Node);
            foreach (var isHome in new[] { true, false })
            {
                // Holders are in the order of the devices, which is that of the nodes.
                foreach (var to in wanted[expert])
                {
                    if (cluster.Devices[to].Node == home != isHome || had[expert].Contains(to))
                        continue;
                    transfers.Add(new Transfer(expert, from, to));
                    from = to;
                }
            }
        }
        return transfers;
    }

    /// <summary>spRS: the gradients of all copies to their owners, each chain from its end.</summary>
    /// <inheritdoc cref="AllGather"/>
    public static List<Transfer> ReduceScatter(PlacedLayer owned, PlacedLayer after, Cluster cluster)
    {
        var chains = AllGather(owned, owned, after, cluster);
        chains.Reverse();
        return [.. chains.Select(hop => new Transfer(hop.Expert, hop.To, hop.From))];
    }
}
