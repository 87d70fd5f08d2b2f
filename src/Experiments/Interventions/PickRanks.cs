using OnnxMoe.Artifacts.Routing;
using OnnxMoe.Trainer.Layers;
using OnnxMoe.Trainer.Ops;
using OnnxMoe.Trainer.Routers;

namespace OnnxMoe.Experiments.Interventions;

/// <summary>
/// Gives each token the experts of certain ranks in its router's probabilities, in every routed layer: more or fewer than the model
/// was trained with, or all but the best.
/// </summary>
/// <param name="skip">Ranks left out from the top; these experts are masked.</param>
/// <param name="count">How many of the next ranks are taken.</param>
/// <param name="keepSum">
/// Whether the weights are scaled to the sum that the router's own had, so that the experts' whole share in the output stays (1 where the
/// router makes weights sum to 1); otherwise they are the probabilities.
/// </param>
/// <param name="shared">False switches the shared experts off too.</param>
public sealed class PickRanks(int skip, int count, bool keepSum, bool shared = true) : Intervention
{
    public override Routing Reroute(RoutingSite site, Routing routing)
    {
        var probabilities = routing.Probabilities ?? throw new InvalidOperationException($"The router of layer {site} has no probabilities to rank experts by.");
        var (weights, indices) = probabilities.TopK(skip + count); // [T, skip + count]
        weights = weights.Slice(1, skip, skip + count);
        if (keepSum)
            weights = weights * (routing.Weights.ReduceSum([-1]) / weights.ReduceSum([-1]));
        return routing with { Indices = indices.Slice(1, skip, skip + count), Weights = weights };
    }

    public override bool UsesSharedExperts(RoutingSite site) => shared;
}
