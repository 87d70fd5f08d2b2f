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

        var attention = Attention(scope.Child("attention"), options, leavesHeads: layer >= options.FirstDenseLayers && options.Router.Mixer.Kind == "attention", layer);
        FfnLayer ffn = layer < options.FirstDenseLayers
            ? Dense(scope.Child("ffn"), options, DenseHidden(options, layer))
            : Routed(scope.Child("moe"), options, shared, layer);
        // Layers without experts take no part in what is carried from routed layer to routed layer.
        Residual residual = ffn.RoutedLayers.Count == 0 ? new PlainResidual()
            : !options.ChainAdds() ? new ReplacingResidual()
            : ResidualBuilder.Build(scope.Child("residual"), options.Residual, isFirst: layer == options.FirstDenseLayers);
        return options.Block switch
        {
            "parallel" => new ParallelBlock(scope, Norm("norm"), attention, ffn),
            "post-norm" => new PostNormBlock(scope, Norm("attention_norm"), attention, Norm("ffn_norm"), Norm("outer_norm"), ffn, residual),
            _ => new SequentialBlock(scope, Norm("attention_norm"), attention, Norm("ffn_norm"), ffn, residual),
        };
    }

    /// <summary>A block of the decoder of an encoder-decoder.</summary>
    /// <param name="scope">Of its weights.</param>
    /// <param name="options">Of the decoder: <see cref="TargetSide"/>.</param>
    /// <param name="sizes">Of the block.</param>
    public static Block BuildCross(LayerScope scope, ModelOptions options, BlockSizes sizes)
    {
        RmsNorm Norm(string name) => new(scope.Child(name), sizes.Width, options.NormEpsilon);
        var headSize = HeadSize(options);
        return new CrossBlock(scope,
            Norm("attention_norm"), new CausalSelfAttention(scope.Child("attention"), sizes.Width, sizes.Heads, sizes.Heads, options.InitialDeviation, headSize: headSize),
            Norm("cross_norm"), new CrossAttention(scope.Child("cross"), sizes.Width, sizes.MemoryWidth, sizes.CrossHeads, headSize, options.InitialDeviation),
            Norm("ffn_norm"), Dense(scope.Child("ffn"), options, sizes.Hidden, sizes.Width));
    }

    /// <summary>Hidden size of dense layers that have none of their own.</summary>
    public static int DenseHidden(ModelOptions options) =>
        options.DenseHidden > 0 ? options.DenseHidden : (options.ExpertsPerToken + options.SharedExperts) * options.ExpertHidden;

    /// <summary>Hidden size of the dense layer of a block.</summary>
    public static int DenseHidden(ModelOptions options, int layer) => options.LayerHidden.Length > 0 ? options.LayerHidden[layer] : DenseHidden(options);

    public static int HeadSize(ModelOptions options) => options.HeadSize > 0 ? options.HeadSize : options.HiddenSize / options.Heads;

    /// <summary>Attention heads of a block.</summary>
    public static int Heads(ModelOptions options, int layer) => options.LayerHeads.Length > 0 ? options.LayerHeads[layer] : options.Heads;

    /// <summary>Sizes of a dense block.</summary>
    public static BlockSizes SizesOf(ModelOptions options, int layer) => new(options.HiddenSize, Heads(options, layer), DenseHidden(options, layer));

    /// <summary>Hidden size of what a routed expert of the block has for itself.</summary>
    public static int ExpertHidden(ModelOptions options, int layer) => options.ExpertHidden - Permanent(options, layer);

    /// <summary>Hidden size of what all tokens meet in the block; 0: nothing.</summary>
    public static int SharedHidden(ModelOptions options, int layer) => options.SharedExperts * options.ExpertHidden + Permanent(options, layer);

    private static int Permanent(ModelOptions options, int layer) => options.PreGate.PermanentHidden.ElementAtOrDefault(layer - options.FirstDenseLayers);

    private static Attention Attention(LayerScope scope, ModelOptions options, bool leavesHeads, int layer)
    {
        var (bank, heads) = (options.AttentionBank, Heads(options, layer));
        var kvHeads = options.KvHeads == 0 ? heads : options.KvHeads;
        if (options.HeadRouting.HeadsPerToken > 0)
            return RoutedHeads(scope, options);
        if (options.Backbone != ModelOptions.Decoder)
            return new SelfAttention(scope, options.HiddenSize, heads, options.InitialDeviation, HeadSize(options));
        return bank.Experts == 0
            ? new CausalSelfAttention(scope, options.HiddenSize, heads, kvHeads, options.InitialDeviation, leavesHeads: leavesHeads, headSize: HeadSize(options))
            : new AttentionBank(scope, options.HiddenSize, options.Heads, kvHeads, bank.KeyValues == AttentionBankOptions.Shared,
                RouterBuilder.Soft(scope.Child("router"), options, bank.Experts, bank.ActiveExperts), options.InitialDeviation);
    }

    private static Attention RoutedHeads(LayerScope scope, ModelOptions options)
    {
        var heads = new HeadBank(scope, options.HiddenSize, options.Heads, options.InitialDeviation);
        var router = PatchRouterBuilder.BuildHeads(scope.Child("router"), options);
        return router is PatchRouter patches
            ? new PatchAttention(scope, options.HiddenSize, heads, patches)
            : new TokenChoiceAttention(scope, options.HiddenSize, heads, router, causal: options.Backbone == ModelOptions.Decoder);
    }

    private static FfnLayer Routed(LayerScope scope, ModelOptions options, SharedRouterParts parts, int layer)
    {
        var kinds = options.ZeroComputation.Kinds(options.Experts);
        Router router = options.PreGate.Layers > 0 ? new PreGatedRouter(scope.Child("router"), options.Experts)
            : RouterBuilder.Build(scope.Child("router"), options, kinds, parts, first: layer == options.FirstDenseLayers);
        var experts = Experts(scope.Child("experts"), options, kinds, ExpertHidden(options, layer));
        var sharedHidden = SharedHidden(options, layer);
        var shared = sharedHidden == 0 ? null : Dense(scope.Child("shared"), options, sharedHidden);
        var first = new RoutedLayer(scope, layer, options.HiddenSize, router, experts, shared);
        return options.Chain is { Iterations: 1, Base: "raw" } ? first : Chain(scope, options, kinds, parts, first, shared);
    }

    /// <summary>The chain that begins with <paramref name="first"/>; its other links have its experts.</summary>
    private static ChainedLayer Chain(LayerScope scope, ModelOptions options, ExpertKinds kinds, SharedRouterParts parts, RoutedLayer first, FeedForward? shared)
    {
        var chain = options.Chain;
        Router Gate(int iteration) => chain.Gate switch
        {
            "own" => RouterBuilder.Build(scope.Child($"router.{iteration}"), options, kinds, parts, first: false),
            "shared-weights" => first.Router,
            _ => new RepeatedRouter(scope.Child($"router.{iteration}"), first),
        };
        var links = Enumerable.Range(1, chain.Iterations - 1).Select(iteration =>
            new RoutedLayer(scope, first.Number, options.HiddenSize, Gate(iteration), first.Experts, chain.SharedOnce ? null : shared) { Iteration = iteration });
        return new ChainedLayer(scope, [first, .. links], chain.Inner, keepsEntrance: chain.Base == "normed");
    }

    private static ExpertBank Experts(LayerScope scope, ModelOptions options, ExpertKinds kinds, int hidden)
    {
        var stored = new FfnExpertBank(scope, options.Experts, options.HiddenSize, hidden, options.Gated,
            options.Activation, options.FfnBias, options.InitialDeviation);
        if (kinds.AllStored)
            return stored;
        var constants = options.ZeroComputation.Constant;
        return new MixedExpertBank(scope, kinds, stored, constants == 0 ? null : new ConstantExperts(scope.Child("constant"), constants, options.HiddenSize, options.InitialDeviation));
    }

    private static FeedForward Dense(LayerScope scope, ModelOptions options, int hidden, int width = 0) =>
        new(scope, width == 0 ? options.HiddenSize : width, hidden, options.Gated, options.Activation, options.FfnBias, options.InitialDeviation);
}
