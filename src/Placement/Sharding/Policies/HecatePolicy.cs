using OnnxMoe.Artifacts;
using OnnxMoe.Artifacts.Placement;

namespace OnnxMoe.Placement.Sharding.Policies;

/// <summary>
/// Hecate (arXiv 2502.02581): copies of the experts that were heavy in the last iterations, as many as attention hides and memory holds;
/// owners by <see cref="HeterogeneousSharding"/> at intervals.
/// </summary>
/// <param name="costs">What a layer costs.</param>
/// <param name="overlap">t: how many experts of a layer may be copied.</param>
/// <param name="copies">m: how many copies of a layer a device may hold.</param>
/// <param name="every">Iterations between two changes of owners; 100 in the paper, 0: owners stay.</param>
/// <param name="rematerializes">Whether copies are dropped after a layer's forward and made again before its backward.</param>
/// <param name="calibrates">Whether the plan is looked at again after the gate.</param>
/// <param name="allowUneven">Whether some devices may own one expert more than others.</param>
public sealed class HecatePolicy(TrainingCosts costs, int overlap, int copies, int every, bool rematerializes = false, bool calibrates = false, bool allowUneven = false)
    : ShardingPolicy("hecate" + (rematerializes ? "-rm" : "") + (calibrates ? "-calibrated" : ""),
        "Hecate: experts heavy in the last iterations are copied behind attention" + (rematerializes ? ", dropped after the forward and copied again" : "") + (calibrates ? ", and more after the gate where that pays" : ""))
{
    /// <inheritdoc/>
    public override bool Rematerializes => rematerializes;

    /// <inheritdoc/>
    public override IReadOnlyList<PlacedLayer> Owners(int iteration, IReadOnlyList<PlacedLayer> owners, IReadOnlyList<double[]> estimate) =>
        every == 0 || iteration % every != 0 ? owners : HeterogeneousSharding.Plan(estimate, overlap, costs.Cluster, allowUneven);

    /// <inheritdoc/>
    public override PlacedLayer Materialize(PlacedLayer owned, double[]? estimate) =>
        estimate is null ? owned : SparseMaterialization.Plan(owned, estimate, overlap, copies, costs.Cluster);

    /// <inheritdoc/>
    public override PlacedLayer AfterGate(PlacedLayer owned, PlacedLayer planned, IReadOnlyList<double> counts) => calibrates ? Calibrate(owned, planned, counts) : planned;

    /// <summary>Plans again with the true counts, and adds those of the new copies that pay though nothing hides their transfer.</summary>
    /// <param name="owned">The layer's owners.</param>
    /// <param name="planned">With the copies made before the gate.</param>
    /// <param name="counts">Tokens of each expert in this iteration [E].</param>
    /// <exception cref="UserError">There are no counts of this layer's experts.</exception>
    public PlacedLayer Calibrate(PlacedLayer owned, PlacedLayer planned, IReadOnlyList<double>? counts)
    {
        if (counts is null || counts.Count != owned.Experts)
            throw new UserError($"Calibration of layer {owned.Layer} needs the true tokens of its {owned.Experts} experts in this iteration, but there are {counts?.Count ?? 0}.");
        var wanted = SparseMaterialization.Plan(owned, counts, overlap, copies, costs.Cluster);
        var room = planned.Devices.Select((held, d) => copies - (held.Count - owned.Devices[d].Count)).ToArray();
        var missing = wanted.Devices.SelectMany((held, d) => held.Except(planned.Devices[d]).Select(e => (Device: d, Expert: e))).ToLookup(copy => copy.Expert);
        var candidates = ExpertShards.ByLoad(counts).Select(e => missing[e].Where(copy => room[copy.Device]-- > 0).ToArray()).Where(candidate => candidate.Length > 0);
        return LateCopies.Choose(owned, planned, candidates, counts, costs, rematerializes);
    }
}
