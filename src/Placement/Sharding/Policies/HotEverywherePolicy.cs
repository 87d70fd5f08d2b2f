using OnnxMoe.Artifacts.Placement;

namespace OnnxMoe.Placement.Sharding.Policies;

/// <summary>
/// As FasterMoE (He et al. 2022, PPoPP) shadows: when the gate has spoken, the most popular experts go to all devices, as many as pay for
/// the wait.
/// </summary>
/// <param name="costs">What a layer costs.</param>
/// <param name="copies">m: how many further experts fit on a device.</param>
public sealed class HotEverywherePolicy(TrainingCosts costs, int copies) : ShardingPolicy("hot", "FasterMoE-like: after the gate, hot experts are copied to all devices where that pays")
{
    /// <inheritdoc/>
    public override PlacedLayer AfterGate(PlacedLayer owned, PlacedLayer planned, IReadOnlyList<double> counts)
    {
        var owners = ExpertShards.Owners(owned);
        return LateCopies.Choose(owned, planned, ExpertShards.ByLoad(counts).Take(copies)
            .Select(e => Enumerable.Range(0, owned.Devices.Count).Where(d => d != owners[e]).Select(d => (d, e)).ToArray()), counts, costs, rematerialized: false);
    }
}
