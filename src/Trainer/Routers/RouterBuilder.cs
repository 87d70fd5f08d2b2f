using OnnxMoe.Trainer.Backbones;
using OnnxMoe.Trainer.Layers;
using OnnxMoe.Trainer.Objectives;

namespace OnnxMoe.Trainer.Routers;

/// <summary>Builds the router of a routed layer from a recipe.</summary>
internal static class RouterBuilder
{
    public static Router Build(LayerScope scope, ModelOptions options)
    {
        var router = options.Router;
        if (router.Frozen)
            scope = scope.Frozen();
        return new ScoreRouter(scope, Head(scope, options), Selector(options),
            router.WeightRule == "softmax" ? WeightRule.Softmax : WeightRule.Renormalized, Losses(options), options.Experts, options.ExpertsPerToken);
    }

    /// <summary>A soft router over experts of another kind than the feed-forward ones.</summary>
    public static SoftRouter Soft(LayerScope scope, ModelOptions options, int experts, int active)
    {
        if (options.Router.Frozen)
            scope = scope.Frozen();
        return new SoftRouter(scope, new LinearScoreHead(scope, options.HiddenSize, experts, Deviation(options), options.Router.Bias), experts, active);
    }

    private static LinearScoreHead Head(LayerScope scope, ModelOptions options) =>
        new(scope, options.HiddenSize, options.Experts, Deviation(options), options.Router.Bias);

    private static Selector Selector(ModelOptions options) => options.Router.Selection == "topp"
        ? new TopPSelector(options.Router.TopP.P, options.ExpertsPerToken, options.Router.TopP.Compare == "gt")
        : new TopKSelector(options.ExpertsPerToken);

    private static double Deviation(ModelOptions options) =>
        options.Router.InitialDeviation > 0 ? options.Router.InitialDeviation : options.InitialDeviation;

    private static IReadOnlyList<RouterLoss> Losses(ModelOptions options)
    {
        var router = options.Router;
        return
        [
            new BalanceLoss(options.Experts, router.BalanceLoss, router.DeviceGroups, router.DeviceBalanceLoss, router.BalanceScope == "sequence",
                router.BalanceNorm == "tokens"),
            new ZLoss(router.ZLoss),
            new EntropyLoss(router.EntropyLoss),
        ];
    }
}
