using OnnxMoe.Placement.Clusters;

namespace OnnxMoe.Placement.Collectives;

/// <summary>
/// Time and traffic of collectives in the alpha-beta form. A GPU has one port to its node and one to the network, both duplex; the
/// messages of a port go one after the other, each taking alpha + bytes / bandwidth; a step lasts as long as its busiest port (the maximum,
/// not the mean). <see cref="CollectiveSchedule"/> has the same collectives message by message.
/// </summary>
/// <param name="within">Connection of two GPUs of a node.</param>
/// <param name="between">Connection of two GPUs of different nodes.</param>
public sealed class CollectiveCost(LinkClass within, LinkClass between)
{
    /// <param name="cluster">Where its pairs differ, the slowest of each kind counts for all.</param>
    /// <param name="share">Share of the bandwidth that transfers reach.</param>
    public CollectiveCost(Cluster cluster, double share = 1) : this(Slowest(cluster, sameNode: true, share), Slowest(cluster, sameNode: false, share))
    {
    }

    /// <summary>Connection of two GPUs of a node.</summary>
    public LinkClass Within => within;

    /// <summary>Connection of two GPUs of different nodes.</summary>
    public LinkClass Between => between;

    /// <summary>Every rank gets the shards of all: a ring, or where it is faster a ring over nodes for each place in the node, then one within the node.</summary>
    /// <param name="group">The ranks.</param>
    /// <param name="shard">Bytes that each rank has at the beginning.</param>
    public CollectiveEstimate AllGather(GroupLayout group, double shard)
    {
        var ring = Ring(group, shard);
        if (!group.IsEven || group.Nodes == 1 || group.Most == 1)
            return ring;
        var twoLevel = TwoLevelAllGather(group, shard);
        return twoLevel.Seconds < ring.Seconds ? twoLevel : ring;
    }

    /// <summary>Every rank gets its shard of the sum: an all-gather backwards, with the same messages.</summary>
    /// <param name="group">The ranks.</param>
    /// <param name="shard">Bytes that each rank has at the end.</param>
    public CollectiveEstimate ReduceScatter(GroupLayout group, double shard) => AllGather(group, shard);

    /// <summary>Every rank gets the sum: reduce-scatter, then all-gather.</summary>
    /// <param name="group">The ranks.</param>
    /// <param name="bytes">Of the whole, on each rank.</param>
    public CollectiveEstimate AllReduce(GroupLayout group, double bytes) => 2 * AllGather(group, bytes / group.Size);

    /// <summary>The ring alone: in n - 1 steps every rank hands its neighbour what it got last.</summary>
    public CollectiveEstimate Ring(GroupLayout group, double shard)
    {
        // A ring that visits node by node leaves each node once a step, or not at all when there is one node.
        var crossings = group.Nodes == 1 ? 0 : group.Nodes;
        var inside = group.Size - crossings;
        var step = Math.Max(crossings > 0 ? between.Seconds(shard) : 0, inside > 0 ? within.Seconds(shard) : 0);
        var steps = group.Size - 1;
        return new CollectiveEstimate(steps * step, steps * group.Size, steps * inside * shard, steps * crossings * shard);
    }

    /// <summary>Rings over the nodes, one for each place in a node, then rings within the nodes.</summary>
    public CollectiveEstimate TwoLevelAllGather(GroupLayout group, double shard)
    {
        Even(group);
        return Ring(new GroupLayout(group.Nodes, group.Nodes, 1, 1), shard).InGroups(group.Most)
            + Ring(new GroupLayout(group.Most, 1, group.Most, group.Most), group.Nodes * shard).InGroups(group.Nodes);
    }

    /// <summary>Every rank sends a message to every other one: p (p - 1) of them.</summary>
    /// <param name="group">The ranks.</param>
    /// <param name="pair">Bytes from each rank to each.</param>
    public CollectiveEstimate AllToAll(GroupLayout group, double pair)
    {
        var (insideOfMost, outsideOfFewest) = (group.Most - 1, group.Size - group.Fewest);
        var seconds = Math.Max(insideOfMost > 0 ? insideOfMost * within.Seconds(pair) : 0, outsideOfFewest > 0 ? outsideOfFewest * between.Seconds(pair) : 0);
        // Pairs within nodes; where nodes are uneven, all but the fullest count as equal.
        var inside = group.IsEven ? (double)group.Size * insideOfMost : SumOfSquares(group) - group.Size;
        var messages = (double)group.Size * (group.Size - 1);
        return new CollectiveEstimate(seconds, messages, inside * pair, (messages - inside) * pair);
    }

    /// <summary>
    /// First within the nodes, to the rank that has the receiver's place, then between ranks of equal place: p ((G - 1) + (p / G - 1)) messages, each of
    /// more bytes (DeepSpeed-MoE, arXiv 2201.05596, section 5.3).
    /// </summary>
    /// <inheritdoc cref="AllToAll"/>
    public CollectiveEstimate HierarchicalAllToAll(GroupLayout group, double pair)
    {
        Even(group);
        return AllToAll(new GroupLayout(group.Most, 1, group.Most, group.Most), group.Nodes * pair).InGroups(group.Nodes)
            + AllToAll(new GroupLayout(group.Nodes, group.Nodes, 1, 1), group.Most * pair).InGroups(group.Most);
    }

    /// <summary>
    /// Where tensor slicing has replicated the data over L ranks, each of them exchanges only with the p / L ranks of its own slicing rank (DeepSpeed-MoE, section 5.3).
    /// </summary>
    /// <param name="group">All p ranks.</param>
    /// <param name="peers">The p / L ranks of equal slicing rank.</param>
    /// <param name="slices">The L ranks that hold the same data.</param>
    /// <param name="pair">Bytes from each slicing group to each rank.</param>
    /// <param name="gather">Whether tensor slicing follows, which needs all results on all L ranks: the way back from the experts.</param>
    public CollectiveEstimate CoordinatedAllToAll(GroupLayout group, GroupLayout peers, GroupLayout slices, double pair, bool gather)
    {
        if (peers.Size * slices.Size != group.Size)
            throw new ArgumentException($"{slices.Size} slices of {peers.Size} peers are not {group.Size} ranks.");
        var exchange = AllToAll(peers, pair).InGroups(slices.Size);
        return gather ? exchange + AllGather(slices, peers.Size * pair).InGroups(peers.Size) : exchange;
    }

    /// <summary>A message to one other rank.</summary>
    /// <param name="sameNode">Whether both are on one node.</param>
    /// <param name="bytes">Of the message.</param>
    public CollectiveEstimate Send(bool sameNode, double bytes) =>
        new((sameNode ? within : between).Seconds(bytes), 1, sameNode ? bytes : 0, sameNode ? 0 : bytes);

    static double SumOfSquares(GroupLayout group)
    {
        var rest = group.Size - group.Most;
        var others = group.Nodes - 1;
        return (double)group.Most * group.Most + (others == 0 ? 0 : (double)rest * rest / others);
    }

    static void Even(GroupLayout group)
    {
        if (!group.IsEven)
            throw new ArgumentException($"A two-level collective needs as many ranks on every node, not {group.Fewest} to {group.Most}.");
    }

    static LinkClass Slowest(Cluster cluster, bool sameNode, double share)
    {
        var (latency, bandwidth) = (0.0, double.PositiveInfinity);
        var devices = cluster.Devices;
        for (var a = 0; a < devices.Count; a++)
        {
            for (var b = 0; b < devices.Count; b++)
            {
                if (a == b || devices[a].Node == devices[b].Node != sameNode)
                    continue;
                (latency, bandwidth) = (Math.Max(latency, cluster.Latency(a, b)), Math.Min(bandwidth, cluster.Bandwidth(a, b)));
            }
        }
        return new LinkClass(latency, share * bandwidth);
    }
}
