using OnnxMoe.Artifacts;
using OnnxMoe.Artifacts.Placement;
using OnnxMoe.Placement.Clusters;

namespace OnnxMoe.Placement.Sharding;

/// <summary>What a layer of a model costs on a cluster, and how many copies its attention hides and its memory holds.</summary>
public sealed class TrainingCosts
{
    /// <param name="model">The sizes.</param>
    /// <param name="cluster">The machines; the speed of each device must be known.</param>
    /// <exception cref="UserError">A speed is not known.</exception>
    public TrainingCosts(TrainingModel model, Cluster cluster)
    {
        (Model, Cluster) = (model, cluster);
        if (cluster.Devices.Any(device => device.Flops <= 0))
            throw new UserError($"The cluster '{cluster.Name}' does not say how fast its GPUs are; give each node its \"teraflops\".");
        Attention = model.AttentionFlops / (cluster.Devices.Min(device => device.Flops) * model.Efficiency);
    }

    /// <summary>The sizes.</summary>
    public TrainingModel Model { get; }

    /// <summary>The machines.</summary>
    public Cluster Cluster { get; }

    /// <summary>Seconds of a block beside its experts, forward.</summary>
    public double Attention { get; }

    /// <summary>
    /// t: how many experts' weights travel while attention computes. Of two kinds of links the slower one counts, and only weights travel,
    /// not the optimizer's state.
    /// </summary>
    public int Overlap => (int)Math.Min(int.MaxValue, Attention * Bandwidth / Model.ExpertBytes);

    /// <summary>m: how many further experts of each layer fit into a device's memory beside what it owns.</summary>
    /// <param name="ownedExperts">Experts of all layers that a device owns at most.</param>
    /// <param name="layers">Layers whose copies are there at the same time: all, or one where copies are made again for the backward.</param>
    /// <param name="most">Where the memory is not known.</param>
    /// <exception cref="UserError">What a device owns alone is too much.</exception>
    public int Copies(int ownedExperts, int layers, int most)
    {
        var memory = Cluster.Devices.Min(device => device.MemoryBytes);
        if (memory == 0)
            return most;
        var own = ownedExperts * Model.ExpertParameters * (Model.StateBytes + (2L * Model.NumberBytes));
        if (own > memory)
            throw new UserError($"The {ownedExperts} experts that a device of '{Cluster.Name}' owns need {own:N0} bytes with gradients and optimizer state, but it has {memory:N0}; take more devices or smaller experts.");
        // A copy holds weights while it waits, and in its layer's backward a gradient.
        return (int)Math.Min(most, (memory - own) / (Model.ExpertBytes * (layers + 1L)));
    }

    /// <summary>The time of a layer.</summary>
    /// <param name="owned">Each expert on its owner.</param>
    /// <param name="planned">With the copies that were planned before the gate: their transfer hides behind attention.</param>
    /// <param name="placed">With those made after the gate too: nothing hides these.</param>
    /// <param name="counts">Tokens of each expert [E].</param>
    /// <param name="rematerialized">Whether copies are dropped after the forward and made again for the backward.</param>
    public LayerTime Time(PlacedLayer owned, PlacedLayer planned, PlacedLayer placed, IReadOnlyList<double> counts, bool rematerialized = false)
    {
        var flows = new ReplicaDispatch(placed, Cluster).Flows(counts);
        var (load, dispatch) = (new double[Cluster.Devices.Count], new TransferClock(Cluster));
        for (var from = 0; from < load.Length; from++)
        {
            for (var to = 0; to < load.Length; to++)
            {
                load[to] += flows[from, to];
                dispatch.Add(from, to, flows[from, to] * Model.TokenBytes);
            }
        }
        var experts = load.Select((tokens, d) => tokens * Model.ExpertFlops / (Cluster.Devices[d].Flops * Model.Efficiency)).Max();
        var gather = Clock(SparseCollectives.AllGather(owned, owned, planned, Cluster));
        var late = Clock(SparseCollectives.AllGather(owned, planned, placed, Cluster));
        var again = rematerialized ? Clock(SparseCollectives.AllGather(owned, owned, placed, Cluster)) : new TransferClock(Cluster);
        var reduce = Clock(SparseCollectives.ReduceScatter(owned, placed, Cluster));
        return new LayerTime(3 * Attention, 3 * experts, 4 * dispatch.Seconds, Math.Max(0, gather.Seconds - Attention),
            Math.Max(0, reduce.Seconds + again.Seconds - (2 * Attention)), late.Seconds)
        {
            Straggler = load.Max() / load.Average(),
            CollectiveBytes = gather.Bytes + late.Bytes + again.Bytes + reduce.Bytes,
            CollectiveSeconds = gather.Seconds + late.Seconds + again.Seconds + reduce.Seconds,
            TokenBytes = 4 * dispatch.Bytes,
        };
    }

    /// <summary>Seconds and bytes of experts that move to other owners, with their optimizer state.</summary>
    public TransferClock Move(IReadOnlyList<PlacedLayer> before, IReadOnlyList<PlacedLayer> after)
    {
        var clock = new TransferClock(Cluster);
        foreach (var (old, now) in before.Zip(after).Where(pair => !ReferenceEquals(pair.First, pair.Second)))
        {
            foreach (var (from, to) in ExpertShards.Owners(old).Zip(ExpertShards.Owners(now)))
                clock.Add(from, to, Model.MovedBytes);
        }
        return clock;
    }

    /// <summary>
    /// Bytes a second at which copies reach the devices: the slowest link, or the port that the GPUs of a node share, through which each
    /// expert comes once for all of them.
    /// </summary>
    double Bandwidth => Math.Min(Cluster.NodeBandwidth, Cluster.Pairs().Select(pair => Cluster.Bandwidth(pair.From, pair.To)).DefaultIfEmpty(double.PositiveInfinity).Min());

    TransferClock Clock(IEnumerable<Transfer> transfers) => new TransferClock(Cluster).Add(transfers, Model.ExpertBytes);
}
