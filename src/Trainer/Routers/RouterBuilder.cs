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
            router.WeightRule == "softmax" ? WeightRule.Softmax : WeightRule.Renormalized, Losses(options), options.Experts, options.ExpertsPerToken)
        {
            Mixer = Mixer(scope.Child("mixer"), options),
        };
    }

    private static LinearScoreHead Head(LayerScope scope, ModelOptions options) =>
        new(scope, options.HiddenSize, options.Experts, Deviation(options), options.Router.Bias);

    private static Selector Selector(ModelOptions options) => options.Router.Selection == "topp"
        ? new TopPSelector(options.Router.TopP.P, options.ExpertsPerToken, options.Router.TopP.Compare == "gt")
        : new TopKSelector(options.ExpertsPerToken);

    private static ScoreMixer? Mixer(LayerScope scope, ModelOptions options)
    {
        var mixer = options.Router.Mixer;
        return mixer.Kind switch
        {
            "similarity" => new SimilarityMixer(scope, options.HiddenSize, options.Experts, mixer.Share, mixer.Temperature, mixer.Learned, mixer.Rows),
            "attention" => new AttentionMixer(scope, options.HiddenSize, options.Experts, options.Heads, mixer.Share, mixer.Heads == "posterior", mixer.Width, mixer.Learned),
            _ => null,
        };
    }

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
