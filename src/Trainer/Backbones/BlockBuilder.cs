using OnnxMoe.Trainer.Experts;
using OnnxMoe.Trainer.Layers;
using OnnxMoe.Trainer.Routers;

namespace OnnxMoe.Trainer.Backbones;

/// <summary>Builds the parts of one transformer block from a recipe.</summary>
internal static class BlockBuilder
{
    public static Block Build(LayerScope scope, ModelOptions options, int layer)
    {
        RmsNorm Norm(string name) => new(scope.Child(name), options.HiddenSize, options.NormEpsilon);

        var attention = Attention(scope.Child("attention"), options);
        FfnLayer ffn = layer < options.FirstDenseLayers
            ? Dense(scope.Child("ffn"), options, DenseHidden(options))
            : Routed(scope.Child("moe"), options, layer);
        if (options.ParallelBlocks)
            return new ParallelBlock(scope, Norm("norm"), attention, ffn);
        return new SequentialBlock(scope, Norm("attention_norm"), attention, Norm("ffn_norm"), ffn, new PlainResidual());
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

    private static RoutedLayer Routed(LayerScope scope, ModelOptions options, int layer)
    {
        var router = RouterBuilder.Build(scope.Child("router"), options);
        var experts = new FfnExpertBank(scope.Child("experts"), options.Experts, options.HiddenSize, options.ExpertHidden, options.Gated,
            options.Activation, options.FfnBias, options.InitialDeviation);
        var shared = options.SharedExperts == 0 ? null : Dense(scope.Child("shared"), options, options.SharedExperts * options.ExpertHidden);
        return new RoutedLayer(scope, layer, options.HiddenSize, router, experts, shared);
    }

    private static FeedForward Dense(LayerScope scope, ModelOptions options, int hidden) =>
        new(scope, options.HiddenSize, hidden, options.Gated, options.Activation, options.FfnBias, options.InitialDeviation);
}
