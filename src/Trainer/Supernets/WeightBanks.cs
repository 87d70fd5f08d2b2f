using OnnxMoe.Search.Spaces;
using OnnxMoe.Trainer.Backbones;
using OnnxMoe.Trainer.Layers;
using OnnxMoe.Trainer.Ops;

namespace OnnxMoe.Trainer.Supernets;

/// <summary>
/// Gives weights of a transformer further ones of their shape, each drawn for itself as the first one was: copies would all get the same gradient, and the
/// router that mixes them none.
/// </summary>
internal static class WeightBanks
{
    /// <summary>A set of all weights for each sub-space, of which an architecture uses its own's.</summary>
    public static void AddForParts(LayerScope scope, TransformerModel model, int parts, Func<Architecture> active)
    {
        var router = new RuleRouter(scope, parts, SubSpaces.Of);
        foreach (var weight in model.Weights.ToArray())
            weight.Mixture = new ExpertMixture(Others(scope, weight, parts), router, active);
    }

    /// <summary>Feed-forward matrices as mixtures, with a router for each block (layer-wise) or for each side of its hidden layer (neuron-wise).</summary>
    public static void AddMixtures(LayerScope scope, TransformerModel model, MixtureOptions options, SearchSpace space, Func<Architecture> active)
    {
        var features = new ArchitectureFeatures(space, options);
        foreach (var (ffn, number) in model.Stacks.SelectMany(stack => stack.Blocks).Select(block => block.FeedForward).Zip(Enumerable.Range(0, int.MaxValue)))
        {
            var (inner, outer) = ffn!.Matrices;
            var layer = scope.Child($"mixture.{number}");
            MlpRouter Router(string name, int neurons) => new(layer.Child(name), features, options.RouterHidden, options.Experts, neurons);
            if (options.Variant == "neuron")
            {
                Mix(inner, Router("inner", (int)inner[0].Shape[^1]));
                Mix(outer, Router("outer", (int)outer[0].Shape[^1]));
            }
            else
            {
                Mix([.. inner, .. outer], Router("router", 0));
            }
        }

        void Mix(IReadOnlyList<Weight> weights, ArchRouter router)
        {
            foreach (var weight in weights)
                weight.Mixture = new ExpertMixture(Others(scope, weight, options.Experts), router, active);
        }
    }

    private static Weight[] Others(LayerScope scope, Weight weight, int count) => [.. Enumerable.Range(1, count - 1).Select(number => scope.Another(weight, $"expert.{number}"))];
}
