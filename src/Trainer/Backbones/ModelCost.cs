using OnnxMoe.Artifacts.Manifests;
using OnnxMoe.Artifacts.Routing;
using OnnxMoe.Artifacts.Tensors;
using OnnxMoe.Trainer.Layers;

namespace OnnxMoe.Trainer.Backbones;

/// <summary>Counts what a model costs, from what its layers say of themselves.</summary>
public static class ModelCost
{
    /// <summary>All parameters, and those that one token meets: all but the routed experts it does not choose.</summary>
    /// <param name="model">The model.</param>
    /// <param name="activeExperts">See <see cref="CostContext.ActiveExperts"/>.</param>
    public static ParameterCount Parameters(Model model, IReadOnlyDictionary<RoutingSite, double>? activeExperts = null)
    {
        var total = model.Weights.Where(w => !w.IsStatistic).Sum(w => w.StandsFor ?? w.Parameter.numel());
        return new ParameterCount(total, total - (long)Math.Round(model.IdleParameters(new CostContext(1) { ActiveExperts = activeExperts })));
    }

    /// <summary>Bytes that the caches of a sequence grow by for each token, in all layers.</summary>
    public static long CacheBytesPerToken(Model model) => model.Inputs.Where(input => CacheInput.Is(input.Name)).Sum(input => new CacheInput(input.Name, input.Type, input.Dimensions).BytesPerToken);

    /// <summary>
    /// Floating-point operations of the forward pass of one token, by part, in the order in which a token meets the parts. Matrix
    /// products and attention are counted; normalizations, activations and rotations, together about a hundredth, are not.
    /// </summary>
    public static IReadOnlyList<TokenCost> Flops(Model model, CostContext context) =>
        [.. model.CostOfToken(context).GroupBy(cost => cost.Part).Select(part => new TokenCost(part.Key, part.Sum(cost => cost.Flops)))];
}
