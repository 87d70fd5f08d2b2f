using OnnxMoe.Trainer.Backbones;
using OnnxMoe.Trainer.Layers;
using OnnxMoe.Trainer.Objectives;
using OnnxMoe.Trainer.Ops;

namespace OnnxMoe.Trainer.Routers;

/// <summary>Builds the router of a routed layer from a recipe.</summary>
internal static class RouterBuilder
{
    public static Router Build(LayerScope scope, ModelOptions options, SharedRouterParts shared)
    {
        var router = options.Router;
        if (router.Frozen)
            scope = scope.Frozen();
        return new ScoreRouter(scope, Head(scope, options, shared), Selector(options),
            router.WeightRule == "softmax" ? WeightRule.Softmax : WeightRule.Renormalized, Losses(options), options.Experts, options.ExpertsPerToken);
    }

    private static ScoreHead Head(LayerScope scope, ModelOptions options, SharedRouterParts shared) => shared.Cell is { } cell
        ? Recurrent(scope, options, cell, shared.Projection)
        : new LinearScoreHead(scope, options.HiddenSize, options.Experts, Deviation(options), options.Router.Bias);

    private static RecurrentScoreHead Recurrent(LayerScope scope, ModelOptions options, DepthCell cell, Weight? projection)
    {
        var recurrent = options.Router.Recurrent;
        projection ??= scope.Normal("projection", Deviation(options), options.HiddenSize, cell.Width);
        var scores = new LinearScoreHead(recurrent.Frozen == "none" ? scope : scope.Frozen(), cell.Width, options.Experts, Deviation(options), options.Router.Bias);
        return new RecurrentScoreHead(scope, projection, cell, scores)
        {
            Pass = recurrent.Pass,
            Detach = recurrent.Detach,
            LogitResidual = recurrent.LogitResidual,
        };
    }

    private static Selector Selector(ModelOptions options) => options.Router.Selection == "topp"
        ? new TopPSelector(options.Router.TopP.P, options.ExpertsPerToken, options.Router.TopP.Compare == "gt")
        : new TopKSelector(options.ExpertsPerToken);

    public static double Deviation(ModelOptions options) =>
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
