using OnnxMoe.Artifacts.Placement;
using OnnxMoe.Placement.Costs;

namespace OnnxMoe.Placement.Explanations;

/// <summary>
/// What forbids to move an expert: memory, a GPU left without an expert of the layer, and how equally the plan spreads the experts,
/// which is read off the plan itself: as many on each GPU in every layer, or over all layers as equal as they are now.
/// </summary>
sealed class PlanRules(PlacementProblem problem, IReadOnlyList<PlacedLayer> layers)
{
    readonly long[] _used = problem.Sizes.Used(layers, problem.Gpus);
    readonly int[] _experts = [.. Enumerable.Range(0, problem.Gpus).Select(g => layers.Sum(layer => layer.Devices[g].Count))];

    /// <summary>Whether every GPU has as many experts as the others in every layer.</summary>
    public bool IsEqualInEveryLayer { get; } = layers.All(layer => layer.Devices.All(d => d.Count == layer.Devices[0].Count));

    /// <summary>The rule in words.</summary>
    public string Words => IsEqualInEveryLayer ? "the plan has as many experts on every GPU in every layer"
        : Spread(_experts) is 0 ? $"the plan has {_experts[0]} experts of all layers on every GPU"
        : $"the plan has {_experts.Min()} to {_experts.Max()} experts of all layers on every GPU";

    /// <summary>Bytes on a GPU when an expert of a layer comes to it in addition; 0 when the sizes are not known.</summary>
    public long UsedAfter(int index, int gpu, int more) => problem.Sizes.ExpertBytes.Max() == 0 ? 0 : _used[gpu] + more * problem.Sizes.ExpertBytes[index];

    /// <summary>What forbids a move, as short texts; none when it is allowed.</summary>
    public IReadOnlyList<string> AgainstMove(int index, int from, int to)
    {
        var against = new List<string>();
        if (problem.Cluster.Devices[to].MemoryBytes is > 0 and var memory && UsedAfter(index, to, 1) > memory)
            against.Add("memory");
        if (layers[index].Devices[from].Count == 1)
            against.Add($"GPU {from} would have none");
        int[] after = [.. _experts];
        after[from]--;
        after[to]++;
        if (IsEqualInEveryLayer || Spread(after) > Spread(_experts))
            against.Add("equal experts");
        return against;
    }

    static int Spread(int[] counts) => counts.Max() - counts.Min();
}
