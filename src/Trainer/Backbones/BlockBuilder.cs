using OnnxMoe.Trainer.Experts;
using OnnxMoe.Trainer.Layers;
using OnnxMoe.Trainer.Routers;

namespace OnnxMoe.Trainer.Backbones;

/// <summary>Builds the parts of one transformer block from a recipe.</summary>
internal static class BlockBuilder
{
    public static Block Build(LayerScope scope, ModelOptions options, SharedRouterParts shared, int layer)
    {
        RmsNorm Norm(string name) => new(scope.Child(name), options.HiddenSize, options.NormEpsilon);

        var attention = Attention(scope.Child("attention"), options);
        FfnLayer ffn = layer < options.FirstDenseLayers
            ? Dense(scope.Child("ffn"), options, DenseHidden(options))
            : Routed(scope.Child("moe"), options, shared, layer);
        // Layers without experts take no part in what is carried from routed layer to routed layer.
        var residual = ffn.RoutedLayers.Count == 0 ? new PlainResidual()
            : ResidualBuilder.Build(scope.Child("residual"), options.Residual, isFirst: layer == options.FirstDenseLayers);
        return options.Block switch
        {
            "parallel" => new ParallelBlock(scope, Norm("norm"), attention, ffn),
            "post-norm" => new PostNormBlock(scope, Norm("attention_norm"), attention, Norm("ffn_norm"), Norm("outer_norm"), ffn, residual),
            _ => new SequentialBlock(scope, Norm("attention_norm"), attention, Norm("ffn_norm"), ffn, residual),
        };
    }

    public static int DenseHidden(ModelOptions options) =>
        options.DenseHidden > 0 ? options.DenseHidden : (options.ExpertsPerToken + options.SharedExperts) * options.ExpertHidden;

    private static Attention Attention(LayerScope scope, ModelOptions options)
    {
        var (bank, kvHeads) = (options.AttentionBank, options.KvHeads == 0 ? options.Heads : options.KvHeads);
        return bank.Experts == 0
            ? new CausalSelfAttention(scope, options.HiddenSize, options.Heads, kvHeads, options.InitialDeviation)
            : new AttentionBank(scope, options.HiddenSize, options.Heads, kvHeads, bank.KeyValues == AttentionBankOptions.Shared,
                RouterBuilder.Soft(scope.Child("router"), options, bank.Experts, bank.ActiveExperts), options.InitialDeviation);
    }

    private static RoutedLayer Routed(LayerScope scope, ModelOptions options, SharedRouterParts parts, int layer)
    {
        var kinds = options.ZeroComputation.Kinds(options.Experts);
        var router = RouterBuilder.Build(scope.Child("router"), options, kinds, parts, first: layer == options.FirstDenseLayers);
        var experts = Experts(scope.Child("experts"), options, kinds);
        var shared = options.SharedExperts == 0 ? null : Dense(scope.Child("shared"), options, options.SharedExperts * options.ExpertHidden);
        return new RoutedLayer(scope, layer, options.HiddenSize, router, experts, shared);
    }

    private static ExpertBank Experts(LayerScope scope, ModelOptions options, ExpertKinds kinds)
    {
        var stored = new FfnExpertBank(scope, options.Experts, options.HiddenSize, options.ExpertHidden, options.Gated,
            options.Activation, options.FfnBias, options.InitialDeviation);
        if (kinds.AllStored)
            return stored;
        var constants = options.ZeroComputation.Constant;
        return new MixedExpertBank(scope, kinds, stored, constants == 0 ? null : new ConstantExperts(scope.Child("constant"), constants, options.HiddenSize, options.InitialDeviation));
    }

    private static FeedForward Dense(LayerScope scope, ModelOptions options, int hidden) =>
        new(scope, options.HiddenSize, hidden, options.Gated, options.Activation, options.FfnBias, options.InitialDeviation);
}
