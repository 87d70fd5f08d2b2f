using OnnxMoe.Placement.Collectives;

namespace OnnxMoe.Experiments.Simulations;

/// <summary>
/// Seconds of one generation step on DGX A100 nodes (80 GB, 2,039 GB/s of memory, NVLink 300 GB/s and a 200 Gb/s port for each GPU, one way): reading the weights, kernels, and
/// the collectives of tensor slicing and expert parallelism. Keys and values, and arithmetic, are left out: with few tokens both are small beside the weights.
/// </summary>
public sealed class ServingLatency
{
    /// <summary>GPUs of a node.</summary>
    public const int PerNode = 8;

    private const double MemoryBytesPerSecond = 2039e9, WeightBytes = 2;

    private readonly ServingAssumptions _assumptions;

    /// <param name="assumptions">Efficiency.</param>
    public ServingLatency(ServingAssumptions assumptions)
    {
        var figures = new CollectiveCost(Machines.Cluster("dgx-a100", 2), assumptions.LinkShare);
        LinkClass Slowed(LinkClass link) => link with { Latency = link.Latency * assumptions.LatencyFactor };
        (_assumptions, Cost) = (assumptions, new CollectiveCost(Slowed(figures.Within), Slowed(figures.Between)));
    }

    /// <summary>The links.</summary>
    public CollectiveCost Cost { get; }

    /// <summary>A dense model, or the dense part of one, sliced over some GPUs.</summary>
    /// <param name="model">The model.</param>
    /// <param name="slices">Tensor slices.</param>
    /// <param name="optimized">Fused kernels.</param>
    public double Dense(GptMoeShape model, int slices, bool optimized)
    {
        var bytes = WeightBytes * (model.Layers * model.Attention + model.DenseLayers * model.FeedForward) / slices;
        var kernels = model.Layers * (optimized ? _assumptions.FusedKernels : _assumptions.EagerKernels);
        var reductions = model.Layers + model.DenseLayers;
        return Read(bytes) + kernels * _assumptions.Launch + reductions * Cost.AllReduce(Layout(slices), _assumptions.Sequences * model.Hidden * WeightBytes).Seconds;
    }

    /// <summary>A mixture of experts.</summary>
    /// <param name="model">The model.</param>
    /// <param name="gpus">GPUs, p.</param>
    /// <param name="slices">Tensor slices of the dense part, L; 1 or a node.</param>
    /// <param name="optimized">DeepSpeed-MoE: fused kernels, hierarchical or coordinated exchange, sliced experts. Otherwise the plain way: masks, and the flat exchange.</param>
    public double Moe(GptMoeShape model, int gpus, int slices, bool optimized) => Dense(model, slices, optimized) + model.Experts.Sum(experts => Routed(model, experts, gpus, slices, optimized));

    private double Routed(GptMoeShape model, int experts, int gpus, int slices, bool optimized)
    {
        var ranks = Math.Min(gpus, experts);
        // More GPUs than experts: DeepSpeed-MoE slices the experts inside a node, the plain way copies them.
        var expertSlices = optimized ? Math.Min(PerNode, gpus / ranks) : 1;
        var local = (double)experts / ranks;
        var tokens = _assumptions.Sequences * gpus / slices / (optimized ? 1 : gpus / ranks);
        // Experts compute all their places, taken or not, as in the released code: the weights of those without a token are read too.
        var seconds = Read(local * WeightBytes * model.FeedForward / expertSlices) + _assumptions.Launch * (optimized ? _assumptions.TableKernels : _assumptions.MaskKernels);
        seconds += optimized ? OptimizedExchange(model, ranks, slices, local) : 2 * Cost.AllToAll(Layout(ranks), Pair(model, local)).Seconds;
        return seconds + Cost.AllReduce(Layout(expertSlices), Math.Max(1, tokens / experts) * model.Hidden * WeightBytes).Seconds;
    }

    private double OptimizedExchange(GptMoeShape model, int ranks, int slices, double local)
    {
        var (group, pair) = (Layout(ranks), Pair(model, local));
        if (slices > 1 && ranks > slices)
            return new[] { false, true }.Sum(gather => Cost.CoordinatedAllToAll(group, new GroupLayout(ranks / slices, ranks / slices, 1, 1), Layout(slices), pair, gather).Seconds);
        var flat = Cost.AllToAll(group, pair).Seconds;
        return 2 * (group.IsEven && group.Nodes > 1 ? Math.Min(flat, Cost.HierarchicalAllToAll(group, pair).Seconds) : flat);
    }

    /// <summary>Bytes from a rank to another: one place for each expert there.</summary>
    private static double Pair(GptMoeShape model, double local) => local * model.Hidden * WeightBytes;

    private double Read(double bytes) => bytes / (_assumptions.MemoryShare * MemoryBytesPerSecond);

    /// <summary>Consecutive GPUs.</summary>
    public static GroupLayout Layout(int ranks) => ranks <= PerNode ? new(ranks, 1, ranks, ranks) : new(ranks, ranks / PerNode, PerNode, PerNode);
}
