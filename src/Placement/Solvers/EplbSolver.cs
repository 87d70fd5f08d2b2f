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
        return new(Name, [.. Enumerable.Range(0, problem.Layers).Select(l => Place(problem, l))], []);
    }

    PlacedLayer Place(PlacementProblem problem, int index)
    {
        var (layer, gpus) = (problem.Statistics.Layers[index], problem.Gpus);
        if (!replicated && layer.Experts % gpus != 0)
            throw new UserError($"{Name} needs as many experts on every GPU, but {gpus} GPUs do not divide the {layer.Experts} experts of layer {layer.Layer}; eplb-replicated fills them up with copies.");
        var slots = replicated ? problem.Slots(index, options) * gpus : layer.Experts;
        var groups = options.Groups > 0 ? options.Groups : layer.Experts % problem.Cluster.Nodes == 0 ? problem.Cluster.Nodes : 1;
        if (layer.Experts % groups != 0)
            throw new UserError($"Place:Groups is {groups}, which does not divide the {layer.Experts} experts of layer {layer.Layer}.");
        var weights = problem.Statistics.Load[index].Select(p => (double)p).ToArray();
        var nodes = replicated && Equal(problem) ? problem.Cluster.Nodes : 1;
        var slot = ExpertBalancer.Place(weights, slots, replicated ? groups : 1, nodes, gpus);
        return new PlacedLayer(layer.Layer, layer.Experts, Useful([.. slot.Chunk(slots / gpus)]));
    }

    /// <summary>EPLB may put all copies of an expert on one GPU, where the further ones do nothing but take memory: without those.</summary>
    static IReadOnlyList<int>[] Useful(int[][] devices)
    {
        var apart = devices.SelectMany(there => there.Distinct()).CountBy(expert => expert).Where(gpus => gpus.Value > 1).Select(gpus => gpus.Key).ToHashSet();
        return [.. devices.Select(there => there.Where((expert, i) => apart.Contains(expert) || Array.IndexOf(there, expert) == i).ToArray())];
    }

    /// <summary>Whether all nodes have as many GPUs, which the hierarchical form needs.</summary>
    static bool Equal(PlacementProblem problem) => problem.Cluster.Devices.CountBy(d => d.Node).Select(n => n.Value).Distinct().Count() == 1;
}
