using OnnxMoe.Artifacts;
using OnnxMoe.Artifacts.Manifests;
using OnnxMoe.Trainer.Backbones;
using OnnxMoe.Trainer.Conversions;
using OnnxMoe.Trainer.Layers;
using OnnxMoe.Trainer.Ops;
using OnnxMoe.Trainer.Training;
using static TorchSharp.torch;

namespace OnnxMoe.Trainer.Tests.Conversions;

/// <summary>A dense model cut into experts that run in any number (SMoE-Dropout, arXiv 2303.01610).</summary>
public class SegmentForAnyNumberTests
{
    private const int Experts = 4, Hidden = 6, Vocabulary = 30;

    public static TheoryData<bool> Gated => [false, true];

    [Theory]
    [MemberData(nameof(Gated))]
    public void WithEqualScoresAndAllExpertsItIsTheDenseModel(bool gated)
    {
        var (dense, routed) = Converted(gated);
        ZeroRouter(routed);
        Near(Logits(dense), Logits(routed, active: Experts), 1e-5);
        Assert.NotEqual(Logits(dense), Logits(routed, active: 1));
    }

    [Theory]
    [MemberData(nameof(Gated))]
    public void WithFewerExpertsALayerIsTheMeanOfTheChosenSlices(bool gated)
    {
        var (_, routed) = Converted(gated);
        ZeroRouter(routed);
        var ops = new TorchOps();
        var layer = routed.RoutedLayers.First();
        var x = Some.Normal(ops, 5, 1, 7, 16);
        var each = Enumerable.Range(0, Experts).Select(e => Some.Floats(layer.Experts.Apply(x.Reshape(-1, 16),
            new(ops.Constant(Artifacts.Tensors.HostTensor.From(Enumerable.Repeat((long)e, 7).ToArray(), 7, 1)), ops.Constant(Artifacts.Tensors.HostTensor.From(Enumerable.Repeat(1f, 7).ToArray(), 7, 1)))))).ToArray();
        for (var k = 1; k <= Experts; k++)
        {
            var y = Some.Floats(layer.Forward(x, new ForwardContext(ops) { ActiveExperts = ops.Ints(k) }));
            Near([.. Enumerable.Range(0, y.Length).Select(i => each[..k].Average(slice => slice[i]))], y, 1e-5);
        }
    }

    private static (DecoderLm Dense, DecoderLm Routed) Converted(bool gated)
    {
        var dense = new DecoderLm(Dense(gated), Vocabulary, seed: 8);
        using (no_grad())
        {
            foreach (var bias in dense.Weights.Where(w => w.Name.EndsWith("_bias", StringComparison.Ordinal)))
                bias.Parameter.normal_(0, 0.3, new Generator(3));
        }
        var options = Routed(gated);
        var routed = new DecoderLm(options, Vocabulary, seed: 9);
        new SegmentFfn().Apply([Trained(dense)], routed, options);
        return (dense, routed);
    }

    private static TrainedModel Trained(DecoderLm model) =>
        new(model, new ModelManifest(ModelManifest.CurrentFormat, "dense", ModelManifest.CausalLanguageModel, DateTimeOffset.UnixEpoch, new ParameterCount(1, 1)));

    private static ModelOptions Dense(bool gated)
    {
        var options = Routed(gated);
        (options.FirstDenseLayers, options.DenseHidden) = (options.Layers, Experts * Hidden);
        return options;
    }

    private static ModelOptions Routed(bool gated)
    {
        var options = Some.SmallModel();
        (options.FirstDenseLayers, options.SharedExperts, options.Gated, options.FfnBias, options.Activation) = (0, 0, gated, true, gated ? "silu" : "relu");
        (options.Experts, options.ExpertsPerToken, options.ExpertHidden, options.Router.WeightRule) = (Experts, Experts, Hidden, "renormalized");
        return options;
    }

    private static void ZeroRouter(DecoderLm model)
    {
        using var noGrad = no_grad();
        foreach (var weight in model.Weights.Where(w => w.Name.Contains(".router.", StringComparison.Ordinal)))
            weight.Parameter.zero_();
    }

    private static float[] Logits(DecoderLm model, long? active = null)
    {
        using var noGrad = no_grad();
        var ops = new TorchOps();
        var ids = ops.Constant(Artifacts.Tensors.HostTensor.From(Enumerable.Range(0, 20).Select(i => (long)(i * 7 % Vocabulary)).ToArray(), 2, 10));
        var positions = ops.Constant(Artifacts.Tensors.HostTensor.From(Enumerable.Range(0, 20).Select(i => (long)(i % 10)).ToArray(), 2, 10));
        return Some.Floats(model.Forward(ids, positions, new ForwardContext(ops) { ActiveExperts = active is { } k ? ops.Ints(k) : null }));
    }

    private static void Near(float[] expected, float[] actual, double relative)
    {
        var scale = expected.Max(Math.Abs);
        Assert.All(expected.Zip(actual), pair => Assert.Equal(pair.First, pair.Second, relative * scale));
    }
}
