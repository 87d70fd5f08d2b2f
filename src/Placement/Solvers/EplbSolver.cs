using OnnxMoe.Artifacts;
using OnnxMoe.Artifacts.Placement;
using OnnxMoe.Placement.Eplb;

namespace OnnxMoe.Placement.Solvers;

/// <summary>DeepSeek's EPLB: greedy packing of each layer; with extra slots, copies of hot experts, hierarchical over nodes.</summary>
/// <param name="replicated">Whether there are extra slots.</param>
/// <param name="options">Extra slots and groups.</param>
public sealed class EplbSolver(bool replicated, PlaceOptions options) : IPlacementSolver
{
    public string Name => replicated ? "eplb-replicated" : "eplb";

    public PlacementSolution Solve(PlacementProblem problem, CancellationToken cancellation)
    {
        var extra = !replicated ? 0 : options.ExtraSlots >= 0 ? options.ExtraSlots : problem.Gpus;
        return new(Name, [.. Enumerable.Range(0, problem.Layers).Select(l => Place(problem, l, extra))], []);
    }

    PlacedLayer Place(PlacementProblem problem, int index, int extra)
    {
        var (layer, gpus) = (problem.Statistics.Layers[index], problem.Gpus);
        var slots = layer.Experts + extra;
        if (slots % gpus != 0)
            throw new UserError($"{Name} needs as many slots on every GPU: {layer.Experts} experts and {extra} extra slots of layer {layer.Layer} do not divide by {gpus} GPUs.");
        var groups = options.Groups > 0 ? options.Groups : layer.Experts % problem.Cluster.Nodes == 0 ? problem.Cluster.Nodes : 1;
        if (layer.Experts % groups != 0)
            throw new UserError($"Place:Groups is {groups}, which does not divide the {layer.Experts} experts of layer {layer.Layer}.");
        var weights = problem.Statistics.Load[index].Select(p => (double)p).ToArray();
        var nodes = replicated && Equal(problem) ? problem.Cluster.Nodes : 1;
        var slot = ExpertBalancer.Place(weights, slots, replicated ? groups : 1, nodes, gpus);
        return new PlacedLayer(layer.Layer, layer.Experts, [.. slot.Chunk(slots / gpus)]);
    }

    /// <summary>Whether all nodes have as many GPUs, which the hierarchical form needs.</summary>
    static bool Equal(PlacementProblem problem) => problem.Cluster.Devices.CountBy(d => d.Node).Select(n => n.Value).Distinct().Count() == 1;
}
