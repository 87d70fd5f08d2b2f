using OnnxMoe.Trainer.Layers;
using OnnxMoe.Trainer.Routers;

namespace OnnxMoe.Trainer.Backbones;

/// <summary>Says in words what a model is made of.</summary>
public static class ModelComposition
{
    /// <summary>A line on the whole, and a line for each run of equal blocks.</summary>
    public static IEnumerable<string> Describe(ModelOptions options, DecoderLm model)
    {
        var cache = model.KvHeads == options.Heads ? "" : $" sharing {model.KvHeads} keys and values";
        yield return $"{options.Layers} blocks of width {options.HiddenSize}, attention of {options.Heads} heads{cache}, context {options.ContextLength} tokens, vocabulary {model.Vocabulary}"
            + (options.TiedHead ? ", head tied to the embedding" : "");
        var routed = model.RoutedLayers.DistinctBy(layer => layer.Number).ToDictionary(layer => layer.Number);
        var blocks = Enumerable.Range(0, options.Layers).Select(i => routed.TryGetValue(i, out var layer) ? Routed(options, layer) : $"dense {Ffn(options)}, hidden size {BlockBuilder.DenseHidden(options)}").ToArray();
        for (var first = 0; first < blocks.Length;)
        {
            var end = first + 1;
            while (end < blocks.Length && blocks[end] == blocks[first])
                end++;
            yield return $"{(end - first == 1 ? $"block {first}" : $"blocks {first}-{end - 1}")}: {blocks[first]}";
            first = end;
        }
    }

    private static string Routed(ModelOptions options, RoutedLayer layer)
    {
        var shared = options.SharedExperts == 0 ? "" : $", {options.SharedExperts} shared always on";
        return $"{layer.Experts.Experts} routed experts ({Ffn(options)}, hidden size {options.ExpertHidden}), {layer.Router.ExpertsPerToken} for a token{shared}; "
            + Router(options.Router);
    }

    private static string Router(RouterOptions router)
    {
        var losses = new (string Name, double Coefficient)[]
        {
            ($"balance over the {router.BalanceScope}", router.BalanceLoss), ($"balance over {router.DeviceGroups} device groups", router.DeviceBalanceLoss), ("z", router.ZLoss),
        };
        var used = losses.Where(loss => loss.Coefficient > 0).Select(loss => FormattableString.Invariant($"{loss.Name} {loss.Coefficient}")).ToArray();
        return $"router: {router.Scores} scores{(router.Bias ? " with bias" : "")}{(router.Frozen ? ", frozen" : "")}{(router.Mixer.Kind == "none" ? "" : $", probabilities averaged over tokens by {router.Mixer.Kind}")}, {router.Selection}{Active(router.ActiveExperts)}, weights {router.WeightRule}; "
            + (used.Length == 0 ? "no router losses" : $"losses: {string.Join(", ", used)}");
    }

    private static string Active(ActiveExpertsOptions active) =>
        (active.Schedule == "none" ? "" : active.Schedule == "multi-step" ? $" growing through {string.Join(',', active.Stages)} experts" : $" growing from {active.Least} experts ({active.Schedule})")
        + (active.Offered.Length == 0 ? "" : $", callers choose {string.Join(',', active.Offered)} experts");

    private static string Ffn(ModelOptions options) => options.Gated ? $"gated {options.Activation}" : options.Activation;
}
