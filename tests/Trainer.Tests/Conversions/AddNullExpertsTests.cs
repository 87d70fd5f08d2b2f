using OnnxMoe.Artifacts;
using OnnxMoe.Artifacts.Manifests;
using OnnxMoe.Trainer.Backbones;
using OnnxMoe.Trainer.Conversions;
using OnnxMoe.Trainer.Layers;
using OnnxMoe.Trainer.Ops;
using OnnxMoe.Trainer.Training;
using static TorchSharp.torch;

namespace OnnxMoe.Trainer.Tests.Conversions;

/// <summary>Null experts added to a trained model (arXiv 2406.13233).</summary>
public class AddNullExpertsTests
{
    private const int Vocabulary = 20;
    private static readonly TorchOps Ops = new();

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void AsManyNullsAndTwiceThePicksLeaveTheModelAsItWas(bool copies)
    {
        var options = Options();
        options.Router.Bias = true;
        var source = new DecoderLm(options, Vocabulary, 1);
        var target = Converted(source, o => (o.Router.Bias, o.ExpertsPerToken, o.ZeroComputation.Zero, o.ZeroComputation.Copy, o.Router.WeightRule) = (true, 4, copies ? 0 : 6, copies ? 6 : 0, "renormalized"));
        var (expected, before) = Run(source);
        var (actual, after) = Run(target);
        foreach (var (old, now) in before.Routings.Zip(after.Routings))
        {
            var sets = Some.Longs(now.Routing.Indices).Chunk(4).Select(row => row.Where(e => e >= 0));
            Assert.Equal(Some.Longs(old.Routing.Indices).Chunk(2), sets);
            if (copies)
                return; // a copy expert adds its token, so only the sets are the same, and only in the first layer
        }
        Assert.Equal(Some.Floats(expected), Some.Floats(actual), (a, b) => Math.Abs(a - b) < 1e-5);
    }

    [Fact]
    public void AnExpertAndItsCopiesTogetherHaveTheOldProbability()
    {
        var source = new DecoderLm(Options(), Vocabulary, 1);
        var target = Converted(source, o => (o.ExpertsPerToken, o.ZeroComputation.Zero) = (4, 12));
        var (old, now) = (Probabilities(source, 6), Probabilities(target, 18));
        Assert.All(old.Zip(now), rows =>
        {
            for (var e = 0; e < 6; e++)
                Assert.Equal(rows.First[e], rows.Second[e] + rows.Second[e + 6] + rows.Second[e + 12], 1e-6);
        });
    }

    [Theory]
    [InlineData(4, 0, 0, "Start:Convert 'null-experts' copies the router's 6 rows (Model:Experts) a whole number of times, but Model:ZeroComputation has 4 experts; make that a multiple, 1 times or more.")]
    [InlineData(0, 0, 0, "Start:Convert 'null-experts' copies the router's 6 rows (Model:Experts) a whole number of times, but Model:ZeroComputation has 0 experts; make that a multiple, 1 times or more.")]
    [InlineData(6, 1, 0, "Start:Convert 'null-experts' adds zero or copy experts, but Model:ZeroComputation:Constant is 1.")]
    [InlineData(6, 0, 8, "Start:Convert 'null-experts' needs layers.1.moe.experts.up as [6,16,16], but 'some' has it as [6,16,8].")]
    public void WhatDoesNotFitIsRefused(int zero, int constant, int wider, string message) =>
        Assert.Equal(message, Assert.Throws<UserError>(() => Converted(new DecoderLm(Options(), Vocabulary, 1),
            o => (o.ZeroComputation.Zero, o.ZeroComputation.Constant, o.ExpertHidden) = (zero, constant, o.ExpertHidden + wider))).Message);

    [Fact]
    public void ARouterOfTwoLayersIsRefused() =>
        Assert.Equal("Start:Convert 'null-experts' copies router rows, which only Model:Router:Scores 'linear' without a Model:Router:GatingResidual has.",
            Assert.Throws<UserError>(() => Converted(new DecoderLm(Options(), Vocabulary, 1), o => (o.ZeroComputation.Zero, o.Router.Scores) = (6, "mlp"))).Message);

    private static ModelOptions Options()
    {
        var options = Some.SmallModel();
        (options.Layers, options.DenseHidden, options.Router.WeightRule) = (3, 24, "renormalized");
        return options;
    }

    private static DecoderLm Converted(DecoderLm source, Action<ModelOptions> change)
    {
        var options = Options();
        change(options);
        options.Check();
        var target = new DecoderLm(options, Vocabulary, 2);
        var manifest = new ModelManifest(ModelManifest.CurrentFormat, "some", ModelManifest.CausalLanguageModel, DateTimeOffset.UnixEpoch, new ParameterCount(1, 1));
        new AddNullExperts().Apply([new TrainedModel(source, manifest)], target, options);
        return target;
    }

    private static (Value Logits, ForwardContext Context) Run(DecoderLm model)
    {
        using var noGrad = no_grad();
        var context = new ForwardContext(Ops);
        var positions = arange(10, ScalarType.Int64, null).unsqueeze(0).expand(2, 10);
        return (model.Forward(Ops.Value(arange(20, ScalarType.Int64, null).reshape(2, 10)), Ops.Value(positions), context), context);
    }

    private static float[][] Probabilities(DecoderLm model, int experts) => [.. Some.Floats(Run(model).Context.Routings[0].Routing.Probabilities!).Chunk(experts)];
}
