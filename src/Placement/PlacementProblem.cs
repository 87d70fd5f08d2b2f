using OnnxMoe.Artifacts;
using OnnxMoe.Artifacts.Routing;
using OnnxMoe.Placement.Clusters;
using OnnxMoe.Placement.Costs;
using OnnxMoe.Placement.Programs;
using OnnxMoe.Placement.Statistics;

namespace OnnxMoe.Placement;

/// <summary>What a solver is given: routing statistics, the cluster, the sizes of the weights.</summary>
public sealed class PlacementProblem
{
    /// <exception cref="UserError">Fewer experts than GPUs, or too little memory for any plan.</exception>
    public PlacementProblem(RoutingStatistics statistics, Cluster cluster, ModelSizes sizes)
    {
        (Statistics, Cluster, Sizes) = (statistics, cluster, sizes);
        if (statistics.Layers.FirstOrDefault(l => l.Experts < cluster.Devices.Count) is { } small)
            throw new UserError($"Layer {small.Layer} has {small.Experts} experts, fewer than the {cluster.Devices.Count} GPUs of '{cluster.Name}'; each GPU needs at least one expert of each layer, so take {small.Experts} GPUs at most.");
        sizes.CheckMemory(statistics.Layers, cluster);
    }

    /// <summary>P and R.</summary>
    public RoutingStatistics Statistics { get; }

    /// <summary>The trace that the statistics were counted from; null for expert counts.</summary>
    public RoutingTrace? Trace { get; init; }

    /// <summary>Numbers of its tokens that were counted.</summary>
    public IReadOnlyList<int> Tokens { get; init; } = [];

    /// <summary>The GPUs and their connections.</summary>
    public Cluster Cluster { get; }

    /// <summary>Bytes and operations.</summary>
    public ModelSizes Sizes { get; }

    /// <summary>Number of GPUs.</summary>
    public int Gpus => Cluster.Devices.Count;

    /// <summary>Number of routed layers.</summary>
    public int Layers => Statistics.Layers.Count;

    /// <summary>Slots of each GPU in a layer with copies: the experts and <see cref="PlaceOptions.ExtraSlots"/>, evenly.</summary>
    /// <exception cref="UserError">They do not divide.</exception>
    public int Slots(int layer, PlaceOptions options)
    {
        var (number, experts) = (Statistics.Layers[layer].Layer, Statistics.Layers[layer].Experts);
        // Where the experts do not divide, the first copies fill the GPUs up.
        var extra = options.ExtraSlots >= 0 ? options.ExtraSlots : Gpus + (Gpus - experts % Gpus) % Gpus;
        if ((experts + extra) % Gpus != 0)
            throw new UserError($"With copies every GPU has as many slots, but {experts} experts and {extra} extra slots of layer {number} do not divide by {Gpus} GPUs; Place:ExtraSlots {extra + Gpus - (experts + extra) % Gpus} would.");
        return (experts + extra) / Gpus > experts
            ? throw new UserError($"Layer {number} has {experts} experts, so more than {experts} slots on a GPU would hold an expert twice; Place:ExtraSlots may be {experts * (Gpus - 1)} at most.")
            : (experts + extra) / Gpus;
    }

    /// <summary>How many experts of all layers a GPU may hold, in the units of <see cref="ModelSizes.ExpertUnits"/>.</summary>
    public MemoryRule Memory => new(Statistics.Layers.Zip(Sizes.ExpertUnits, (layer, units) => (long)layer.Experts * units).Sum(), Sizes.Capacity(Cluster), Cluster.HasEqualMemory);
}
