using OnnxMoe.Artifacts.Placement;

namespace OnnxMoe.Placement.Sharding.Policies;

/// <summary>Fully sharded data parallelism of the experts: all weights to all devices, in each iteration.</summary>
public sealed class AllCopiesPolicy() : ShardingPolicy("all", "fully sharded data parallelism: all experts are gathered on all devices")
{
    /// <inheritdoc/>
    public override PlacedLayer Materialize(PlacedLayer owned, double[]? estimate) =>
        ExpertShards.With(owned, ExpertShards.Owners(owned).SelectMany((owner, e) => Enumerable.Range(0, owned.Devices.Count).Where(d => d != owner).Select(d => (d, e))));
}
