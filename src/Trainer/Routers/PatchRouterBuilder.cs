using OnnxMoe.Trainer.Backbones;
using OnnxMoe.Trainer.Layers;
using OnnxMoe.Trainer.Objectives;

namespace OnnxMoe.Trainer.Routers;

/// <summary>Builds the routers of experts that take patches, and of attention heads as experts.</summary>
public static class PatchRouterBuilder
{
    /// <summary>The router of feed-forward experts that take patches.</summary>
    public static PatchRouter Build(LayerScope scope, ModelOptions options, ScoreHead head, IReadOnlyList<RouterLoss> losses)
    {
        var patches = options.Router.Patches;
        return Build(scope, options, head, losses, options.Experts, options.ExpertsPerToken, patches.ExpertsPerSequence, patches.Capacity);
    }

    /// <summary>The router of attention heads: selected as the experts are, by linear scores, without losses.</summary>
    public static Router BuildHeads(LayerScope scope, ModelOptions options)
    {
        var (router, heads) = (options.Router, options.HeadRouting);
        if (router.Frozen)
            scope = scope.Frozen();
        var head = new LinearScoreHead(scope, options.HiddenSize, options.Heads, RouterBuilder.Deviation(options), router.Bias);
        return router.Selection == PatchOptions.Selection
            ? Build(scope, options, head, [], options.Heads, heads.HeadsPerToken, heads.HeadsPerSequence, heads.Capacity)
            : new ScoreRouter(scope, head, new TopKSelector(heads.HeadsPerToken, adjustable: false), RouterBuilder.Rule(router), [], options.Heads, heads.HeadsPerToken);
    }

    private static PatchRouter Build(LayerScope scope, ModelOptions options, ScoreHead head, IReadOnlyList<RouterLoss> losses, int experts, int perPatch, int perSequence, double capacity)
    {
        // All experts for every sequence is no selection.
        var sequence = perSequence is 0 || perSequence == experts ? null
            : new ExpertSelector(scope.Child("sequence"), options.HiddenSize, experts, perSequence, RouterBuilder.Deviation(options));
        return new PatchRouter(scope, head, sequence, new PatchSelector(experts, perPatch, capacity), options.Router.Patches.Size,
            gated: RouterBuilder.Rule(options.Router) == WeightRule.Sum, losses, perPatch);
    }
}
