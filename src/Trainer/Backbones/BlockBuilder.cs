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

        var attention = new CausalSelfAttention(scope.Child("attention"), options.HiddenSize, options.Heads,
            options.KvHeads == 0 ? options.Heads : options.KvHeads, options.InitialDeviation,
            leavesHeads: layer >= options.FirstDenseLayers && options.Router.Mixer.Kind == "attention");
        FfnLayer ffn = layer < options.FirstDenseLayers
            ? Dense(scope.Child("ffn"), options, DenseHidden(options))
            : Routed(scope.Child("moe"), options, layer);
        // Layers without experts take no part in what is carried from routed layer to routed layer.
        var residual = ffn.RoutedLayers.Count == 0 ? new PlainResidual()
            : ResidualBuilder.Build(scope.Child("residual"), options.Residual, isFirst: layer == options.FirstDenseLayers);
        return options.Block == "post-norm"
            ? new PostNormBlock(scope, Norm("attention_norm"), attention, Norm("ffn_norm"), Norm("outer_norm"), ffn, residual)
            : new SequentialBlock(scope, Norm("attention_norm"), attention, Norm("ffn_norm"), ffn, residual);
    }

    public static int DenseHidden(ModelOptions options) =>
        options.DenseHidden > 0 ? options.DenseHidden : (options.ExpertsPerToken + options.SharedExperts) * options.ExpertHidden;

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
