using OnnxMoe.Trainer.Backbones;
using OnnxMoe.Trainer.Experts;
using OnnxMoe.Trainer.Layers;
using OnnxMoe.Trainer.Objectives;
using OnnxMoe.Trainer.Ops;

namespace OnnxMoe.Trainer.Routers;

/// <summary>Builds the router of a routed layer from a recipe.</summary>
internal static class RouterBuilder
{
    /// <param name="scope">Of the router.</param>
    /// <param name="options">The recipe's section Model.</param>
    /// <param name="kinds">The experts it scores.</param>
    /// <param name="shared">What the routers of all layers share.</param>
    /// <param name="first">True in the first routed layer of the model.</param>
    public static Router Build(LayerScope scope, ModelOptions options, ExpertKinds kinds, SharedRouterParts shared, bool first)
    {
        var router = options.Router;
        if (router.Frozen)
            scope = scope.Frozen();
        if (router.Selection == PatchOptions.Selection)
            return PatchRouterBuilder.Build(scope, options, Head(scope, options, kinds.Count, shared, first), Losses(options, kinds));
        return new ScoreRouter(scope, Head(scope, options, kinds.Count, shared, first), Selector(options), Rule(router), Losses(options, kinds),
            options.Experts, PerPass(options))
        {
            Kinds = kinds,
            Capacity = router.Capacity.Factor > 0 ? new CapacityRule(kinds, router.Capacity.Factor, router.Tau, router.Capacity.Base == "tokens") : null,
            Mixer = Mixer(scope.Child("mixer"), options, kinds.Count),
        };
    }

    /// <summary>A soft router over experts of another kind than the feed-forward ones.</summary>
    public static SoftRouter Soft(LayerScope scope, ModelOptions options, int experts, int active)
    {
        if (options.Router.Frozen)
            scope = scope.Frozen();
        return new SoftRouter(scope, new LinearScoreHead(scope, options.HiddenSize, experts, Deviation(options), options.Router.Bias), experts, active);
    }

    private static ScoreHead Head(LayerScope scope, ModelOptions options, int experts, SharedRouterParts shared, bool first)
    {
        var router = options.Router;
        ScoreHead head = shared.Cell is { } cell ? Recurrent(scope, options, experts, cell, shared.Projection)
            : router.Scores == "mlp" ? new MlpScoreHead(scope, options.HiddenSize, experts, Deviation(options))
            : new LinearScoreHead(scope, options.HiddenSize, experts, Deviation(options), router.Bias);
        return router.GatingResidual == "none" ? head
            : new GatingResidual(scope, head, experts, first, router.GatingResidual == "zero" ? 0 : Deviation(options));
    }

    private static RecurrentScoreHead Recurrent(LayerScope scope, ModelOptions options, int experts, DepthCell cell, Weight? projection)
    {
        var recurrent = options.Router.Recurrent;
        projection ??= scope.Normal("projection", Deviation(options), options.HiddenSize, cell.Width);
        var scores = new LinearScoreHead(recurrent.Frozen == "none" ? scope : scope.Frozen(), cell.Width, experts, Deviation(options), options.Router.Bias);
        return new RecurrentScoreHead(scope, projection, cell, scores)
        {
            Pass = recurrent.Pass,
            Detach = recurrent.Detach,
            LogitResidual = recurrent.LogitResidual,
        };
    }

    private static Selector Selector(ModelOptions options) => options.Router.Selection == "topp"
        ? new TopPSelector(options.Router.TopP.P, PerPass(options), options.Router.TopP.Compare == "gt")
        : new TopKSelector(PerPass(options));

    /// <summary>Experts of one pass: a chain shares a token's experts out among its iterations.</summary>
    private static int PerPass(ModelOptions options) => options.ExpertsPerToken / options.Chain.Iterations;

    private static ScoreMixer? Mixer(LayerScope scope, ModelOptions options, int experts)
    {
        var mixer = options.Router.Mixer;
        return mixer.Kind switch
        {
            "similarity" => new SimilarityMixer(scope, options.HiddenSize, experts, mixer.Share, mixer.Temperature, mixer.Learned, mixer.Rows),
            "attention" => new AttentionMixer(scope, options.HiddenSize, experts, options.Heads, mixer.Share, mixer.Heads == "posterior", mixer.Width, mixer.Learned),
            _ => null,
        };
    }

    public static double Deviation(ModelOptions options) =>
        options.Router.InitialDeviation > 0 ? options.Router.InitialDeviation : options.InitialDeviation;

    public static WeightRule Rule(RouterOptions router) => router.WeightRule switch
    {
        "sum" => WeightRule.Sum,
        "one" => WeightRule.One,
        "renormalized" => WeightRule.Renormalized,
        "renormalized-all" => WeightRule.RenormalizedAll,
        _ => WeightRule.Softmax,
    };

    private static IReadOnlyList<RouterLoss> Losses(ModelOptions options, ExpertKinds kinds)
    {
        var router = options.Router;
        return
        [
            new BalanceLoss(kinds.Count, Balance(router), router.DeviceGroups, router.DeviceBalanceLoss, router.BalanceScope == "sequence")
            {
                Norm = router.BalanceNorm switch { "tokens" => BalanceNorm.Tokens, "token-share" => BalanceNorm.TokenShare, _ => BalanceNorm.Assignments },
                Mixing = kinds.AllStored ? null : LoadMixing.Of(kinds, router.Tau, router.NullBucket),
            },
            new ZLoss(router.ZLoss),
            new EntropyLoss(router.EntropyLoss),
        ];
    }

    private static CoefficientSchedule Balance(RouterOptions router) =>
        router.BalanceSchedule.Length > 0 ? CoefficientSchedule.Parse(router.BalanceSchedule, "Model:Router:BalanceSchedule") : router.BalanceLoss;
}
