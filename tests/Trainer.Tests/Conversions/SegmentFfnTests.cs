using OnnxMoe.Artifacts;
using OnnxMoe.Artifacts.Manifests;
using OnnxMoe.Trainer.Backbones;
using OnnxMoe.Trainer.Conversions;
using OnnxMoe.Trainer.Layers;
using OnnxMoe.Trainer.Ops;
using OnnxMoe.Trainer.Training;
using static TorchSharp.torch;

namespace OnnxMoe.Trainer.Tests.Conversions;

/// <summary>Fine-grained experts out of trained layers (DeepSeekMoE, arXiv 2401.06066).</summary>
public class SegmentFfnTests
{
    private const int Vocabulary = 20;
    private static readonly TorchOps Ops = new();

    [Theory]
    [InlineData("softmax", true, false, 0)]
    [InlineData("softmax", true, true, 1)]
    [InlineData("renormalized", true, false, 2)]
    [InlineData("sum", false, true, 1)]
    [InlineData("one", true, true, 1)]
    public void AllSlicesOfADenseLayerAreTheLayer(string rule, bool gated, bool bias, int shared)
    {
        void Form(ModelOptions o) => (o.Gated, o.Activation, o.FfnBias) = (gated, gated ? "silu" : "relu", bias);
        var source = Model(o => { Form(o); (o.FirstDenseLayers, o.DenseHidden) = (3, 48); });
        var target = Segmented(source, o =>
        {
            Form(o);
            (o.Experts, o.ExpertsPerToken, o.ExpertHidden, o.SharedExperts, o.Router.WeightRule) = (6 - shared, 6 - shared, 8, shared, rule);
            o.Router.Frozen = rule == "one"; // its router cannot learn
        });
        using (no_grad())
        {
            foreach (var router in target.RoutedLayers.SelectMany(layer => layer.Router.Weights))
                router.Parameter.zero_();
        }
        Close(Logits(source), Logits(target), 1e-5);
    }

    [Theory]
    [InlineData("softmax", 0)]
    [InlineData("renormalized", 1)]
    public void SlicesOfCoarseExpertsAreTheExperts(string rule, int firstDense)
    {
        var source = Model(o => (o.Experts, o.ExpertsPerToken, o.ExpertHidden, o.SharedExperts, o.Router.WeightRule, o.Router.Bias, o.FirstDenseLayers, o.DenseHidden) = (5, 2, 24, 1, rule, true, firstDense, 20));
        var target = Segmented(source, o => (o.Experts, o.ExpertsPerToken, o.ExpertHidden, o.SharedExperts, o.Router.WeightRule, o.Router.Bias, o.FirstDenseLayers, o.DenseHidden) = (15, 6, 8, 3, rule, true, firstDense, 20));
        Assert.Equal(ModelCost.Flops(source, new CostContext(1)).Where(c => c.Part != "router"), ModelCost.Flops(target, new CostContext(1)).Where(c => c.Part != "router"));
        var (before, after) = (Context(), Context());
        Close(Logits(source, before), Logits(target, after), 1e-5);
        foreach (var (old, now) in before.Routings.Zip(after.Routings))
            // Slices of one expert score the same but for rounding, so they are side by side, in any order.
            Assert.Equal(Some.Longs(old.Routing.Indices).SelectMany(e => new[] { 3 * e, 3 * e + 1, 3 * e + 2 }), Some.Longs(now.Routing.Indices).Chunk(3).SelectMany(slices => slices.Order()));
    }

    [Fact]
    public void DenseAndCoarseBlocksOfOneModelAreBothCut()
    {
        var source = Model(o => (o.FirstDenseLayers, o.DenseHidden, o.Experts, o.ExpertsPerToken, o.ExpertHidden) = (1, 64, 4, 4, 16));
        var target = Segmented(source, o => (o.FirstDenseLayers, o.Experts, o.ExpertsPerToken, o.ExpertHidden, o.Router.WeightRule) = (0, 8, 8, 8, "renormalized"));
        using (no_grad())
            target.RoutedLayers.First().Router.Weights[0].Parameter.zero_();
        Close(Logits(source), Logits(target), 1e-5);
    }

    [Fact]
    public void TheRouterOfADenseLayersSlicesStaysRandom()
    {
        var source = Model(o => (o.FirstDenseLayers, o.DenseHidden) = (3, 48));
        static void Slices(ModelOptions o) => (o.Experts, o.ExpertHidden) = (6, 8);
        var (random, target) = (Model(Slices, seed: 2), Segmented(source, Slices));
        static float[] Router(DecoderLm model) => model.RoutedLayers.First().Router.Weights[0].Parameter.detach().data<float>().ToArray();
        Assert.Equal(Router(random), Router(target));
        Assert.Contains(Router(target), weight => weight != 0);
    }

    public static TheoryData<string, Action<ModelOptions>, Action<ModelOptions>> Misfits() => new()
    {
        {
            "cuts feed-forward layers of hidden size 50 in 'some', but Model:SharedExperts + Model:Experts = 6 slices of Model:ExpertHidden 8 are 48; both must be the same.",
            o => (o.FirstDenseLayers, o.DenseHidden) = (3, 50), o => (o.Experts, o.ExpertHidden) = (6, 8)
        },
        {
            "cuts the 4 experts of hidden size 20 in 'some', which 8 (Model:Experts) of 8 (Model:ExpertHidden) do not add up to: m times as many must have an m-th of the size.",
            o => (o.Experts, o.ExpertHidden) = (4, 20), o => (o.Experts, o.ExpertHidden) = (8, 8)
        },
        {
            "leaves shared experts as they are: of hidden size 16 in 'some', but Model:SharedExperts of Model:ExpertHidden are 8.",
            o => (o.Experts, o.ExpertHidden, o.SharedExperts) = (4, 16, 1), o => (o.Experts, o.ExpertHidden, o.SharedExperts) = (8, 8, 1)
        },
        { "cannot make dense layers out of routed ones: Model:FirstDenseLayers is 1, and 0 in 'some'.", _ => { }, o => o.FirstDenseLayers = 1 },
        { "makes routed layers, but Model:FirstDenseLayers leaves none.", o => o.FirstDenseLayers = 3, o => o.FirstDenseLayers = 3 },
        { "makes stored experts alone, but Model:ZeroComputation adds others; set its counts to 0.", _ => { }, o => o.ZeroComputation.Zero = 2 },
        { "needs models of the same form, but Model:Activation is relu in 'some' and silu in this recipe.", o => (o.Gated, o.Activation) = (true, "relu"), _ => { } },
        { "copies router rows, which only Model:Router:Scores 'linear' without a Model:Router:GatingResidual has.", _ => { }, o => o.Router.GatingResidual = "zero" },
    };

    [Theory]
    [MemberData(nameof(Misfits))]
    public void WhatDoesNotFitIsRefused(string message, Action<ModelOptions> from, Action<ModelOptions> to) =>
        Assert.Equal($"Start:Convert 'segment' {message}", Assert.Throws<UserError>(() => Segmented(Model(from), to)).Message);

    private static ModelOptions Options(Action<ModelOptions> change)
    {
        var options = Some.SmallModel();
        (options.Layers, options.FirstDenseLayers, options.SharedExperts) = (3, 0, 0);
        change(options);
        options.Check();
        return options;
    }

    private static DecoderLm Model(Action<ModelOptions> change, long seed = 1) => new(Options(change), Vocabulary, seed);

    private static DecoderLm Segmented(DecoderLm source, Action<ModelOptions> change)
    {
        var options = Options(change);
        var target = new DecoderLm(options, Vocabulary, 2);
        var manifest = new ModelManifest(ModelManifest.CurrentFormat, "some", ModelManifest.CausalLanguageModel, DateTimeOffset.UnixEpoch, new ParameterCount(1, 1));
        new SegmentFfn().Apply([new TrainedModel(source, manifest)], target, options);
        return target;
    }

    private static ForwardContext Context() => new(Ops);

    private static float[] Logits(DecoderLm model, ForwardContext? context = null)
    {
        using var noGrad = no_grad();
        var positions = arange(10, ScalarType.Int64, null).unsqueeze(0).expand(2, 10);
        return Some.Floats(model.Forward(Ops.Value(arange(20, ScalarType.Int64, null).reshape(2, 10)), Ops.Value(positions), context ?? Context()));
    }

    /// <summary>Equal but for a part of the largest number.</summary>
    private static void Close(float[] expected, float[] actual, double relative)
    {
        Assert.Equal(expected.Length, actual.Length);
        var largest = expected.Max(Math.Abs);
        for (var i = 0; i < expected.Length; i++)
            Assert.Equal(expected[i], actual[i], relative * largest);
    }
}
