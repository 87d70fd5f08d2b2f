using OnnxMoe.Trainer.Experts;
using OnnxMoe.Trainer.Layers;
using OnnxMoe.Trainer.Objectives;
using OnnxMoe.Trainer.Routers;

namespace OnnxMoe.Trainer.Backbones;

/// <summary>Builds the parts of one transformer block from a recipe.</summary>
internal static class BlockBuilder
{
    public static DecoderBlock Build(LayerScope scope, ModelOptions options, int layer)
    {
        RmsNorm Norm(string name) => new(scope.Child(name), options.HiddenSize, options.NormEpsilon);

        var attention = new Attention(scope.Child("attention"), options.HiddenSize, options.Heads,
            options.KvHeads == 0 ? options.Heads : options.KvHeads, options.InitialDeviation);
        var routed = layer < options.FirstDenseLayers ? null : Routed(scope.Child("moe"), options, layer);
        var dense = routed is null ? Dense(scope.Child("ffn"), options, DenseHidden(options)) : null;
        return new DecoderBlock(scope, Norm("attention_norm"), attention, Norm("ffn_norm"), dense, routed);
    }

    public static int DenseHidden(ModelOptions options) =>
        options.DenseHidden > 0 ? options.DenseHidden : (options.ExpertsPerToken + options.SharedExperts) * options.ExpertHidden;

    private static RoutedLayer Routed(LayerScope scope, ModelOptions options, int layer)
    {
        var rule = options.WeightRule == "softmax" ? WeightRule.Softmax : WeightRule.Renormalized;
        var balance = new BalanceLoss(options.Experts, options.BalanceLoss, options.DeviceGroups, options.DeviceBalanceLoss,
            options.BalanceScope == "sequence");
        var routerScope = scope.Child("router");
        var router = new TopKRouter(routerScope, new ScoreHead(routerScope, options.HiddenSize, options.Experts, options.InitialDeviation),
            options.Experts, options.ExpertsPerToken, rule, balance, new ZLoss(options.ZLoss));
        var experts = new FfnExpertBank(scope.Child("experts"), options.Experts, options.HiddenSize, options.ExpertHidden, options.Gated,
            options.Activation, options.FfnBias, options.InitialDeviation);
        var shared = options.SharedExperts == 0 ? null : Dense(scope.Child("shared"), options, options.SharedExperts * options.ExpertHidden);
        return new RoutedLayer(scope, layer, options.HiddenSize, router, experts, shared);
    }

    private static FeedForward Dense(LayerScope scope, ModelOptions options, int hidden) =>
        new(scope, options.HiddenSize, hidden, options.Gated, options.Activation, options.FfnBias, options.InitialDeviation);
}
