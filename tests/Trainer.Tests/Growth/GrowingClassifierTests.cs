using OnnxMoe.Artifacts;
using OnnxMoe.Artifacts.Manifests;
using OnnxMoe.Trainer.Backbones;
using OnnxMoe.Trainer.Data;
using OnnxMoe.Trainer.Growth;
using OnnxMoe.Trainer.Layers;
using OnnxMoe.Trainer.Normalization;
using OnnxMoe.Trainer.Ops;
using OnnxMoe.Trainer.Training;
using TorchSharp;

namespace OnnxMoe.Trainer.Tests.Growth;

public class GrowingClassifierTests
{
    private static readonly ClassifierSizes Sizes = new(2, 64, 3);

    private static GrowingClassifier Make(string coefficients = "orthogonal", bool residual = true, int templates = 2) => new(
        new ModelOptions { Backbone = ModelOptions.Convolutional, Cnn = new() { Channels = [4, 4, 6], Strides = [1, 2, 1], Pools = [2], Residual = residual }, Growth = new() { Templates = templates, Coefficients = coefficients } },
        Sizes, seed: 3);

    private static TrainerOptions Options(int steps, int member) => new()
    {
        Optimizer = "sgd",
        Steps = steps,
        BatchSize = 8,
        LearningRate = 0.05,
        WarmupSteps = 0,
        WeightDecay = 0.01,
        Growth = new() { MemberSteps = member, LearningRate = 0.02 },
    };

    private static LabeledSequences Images(int count)
    {
        var random = new Random(7);
        return new([.. Enumerable.Range(0, count * 128).Select(_ => random.NextSingle())], [.. Enumerable.Range(0, count).Select(i => (long)(i % 3))], 64, 2, 3);
    }

    private static float[] Logits(Classifier model)
    {
        using var noGrad = torch.no_grad();
        var ops = new TorchOps();
        return Some.Floats(model.Forward(ops.Value(torch.tensor(Images(3).Features, [3, 64, 2])), null, new ForwardContext(ops)));
    }

    private static float[] Values(Weight weight) => weight.Parameter.detach().data<float>().ToArray();

    /// <summary>Convolution, normalization, ReLU, shortcut and pooling keep the halves apart, so that zeros between them leave their sum.</summary>
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void WithZerosBetweenThemTheWholeIsTheSumOfTheMembers(bool residual)
    {
        var model = Make("zero", residual);
        using var step = GrowthTraining.Of(model, Images(24), Options(11, 5), 1, null);
        for (var i = 0; i < 10; i++)
            step.Run(i);
        model.Mode = GrowthMode.First;
        var first = Logits(model);
        model.Mode = GrowthMode.Second;
        var second = Logits(model);
        model.Grow(1);
        Assert.All(Logits(model).Zip(first.Zip(second, (a, b) => a + b)), pair => Assert.Equal(pair.Second, pair.First, 1e-4));
        Assert.NotEqual(first, second);
    }

    [Fact]
    public void TheMembersAreTheDiagonalBlocks()
    {
        var model = Make();
        var ops = new TorchOps();
        foreach (var (weight, template) in model.Network.Weights.Where(weight => weight.Shape.Length > 1).Zip(model.TemplateWeights))
        {
            model.Mode = GrowthMode.First;
            var first = TorchOps.TensorOf(ops.Weight(weight));
            model.Mode = GrowthMode.Second;
            var second = TorchOps.TensorOf(ops.Weight(weight));
            model.Mode = GrowthMode.Whole;
            var whole = TorchOps.TensorOf(ops.Weight(weight));
            Assert.Equal(weight.Shape, whole.shape);
            var head = weight.Name == "head.weight";
            var (o, i) = (first.shape[0], first.shape[1]);
            var corner = whole.narrow(0, 0, o).narrow(1, 0, i);
            var opposite = whole.narrow(0, whole.shape[0] - o, o).narrow(1, whole.shape[1] - i, i);
            Assert.Equal((0f, 0f), (corner.sub(first).abs().max().item<float>(), opposite.sub(second).abs().max().item<float>()));
            Assert.Equal(weight.Name is "stem.weight" or "head.weight" ? 2 : 4, template.Coefficients.Count);
            Assert.Equal(head ? weight.Shape[1] : weight.Shape[1] / (weight.Name == "stem.weight" ? 1 : 2), i);
        }
    }

    /// <summary>The second member's training, and its normalizations' statistics, leave the first one as it is.</summary>
    [Fact]
    public void AMemberLearnsAlone()
    {
        var model = Make();
        using var step = GrowthTraining.Of(model, Images(24), Options(12, 5), 1, null);
        for (var i = 0; i < 5; i++)
            step.Run(i);
        model.Mode = GrowthMode.First;
        var logits = Logits(model);
        var coefficients = model.Weights.Where(weight => weight.Name.StartsWith("coefficients.0", StringComparison.Ordinal)).Select(Values).ToArray();
        for (var i = 5; i < 10; i++)
            step.Run(i);
        model.Mode = GrowthMode.First;
        Assert.Equal(logits, Logits(model));
        Assert.Equal(coefficients, model.Weights.Where(weight => weight.Name.StartsWith("coefficients.0", StringComparison.Ordinal)).Select(Values));
        step.Run(10);
        Assert.Equal(GrowthMode.Whole, model.Mode);
        Assert.NotEqual(coefficients, model.Weights.Where(weight => weight.Name.StartsWith("coefficients.0", StringComparison.Ordinal)).Select(Values));
    }

    [Fact]
    public void TheMaterializedNetworkIsTheWhole()
    {
        var model = Make();
        model.Grow(1);
        EstimatedStatistics.Run(model, [Images(16)]);
        var (ordinary, options) = model.Materialize();
        Assert.All(Logits(model).Zip(Logits(ordinary)), pair => Assert.Equal(pair.First, pair.Second, 1e-5));
        Assert.Equal(0, options.Growth.Templates);
        var templates = model.TemplateWeights.Sum(weight => weight.Templates.Sum(one => one.Parameter.numel()) + weight.Coefficients.Sum(one => one.Parameter.numel()));
        var rest = ordinary.Weights.Where(weight => weight.Shape.Length == 1 && !weight.IsStatistic && weight.Name != "head.bias").Sum(weight => weight.Parameter.numel()) + (2 * Sizes.Classes);
        Assert.Equal(templates + rest, ModelCost.Parameters(model).Total);
    }

    /// <summary>a3 has the given length and the least sum of squared products with the three earlier vectors.</summary>
    [Fact]
    public void TheLastCoefficientsAreLeastLikeTheOthers()
    {
        var model = new GrowingClassifier(new ModelOptions { Backbone = ModelOptions.Convolutional, Cnn = new() { Channels = [4, 4], Pools = [] }, Growth = new() { Templates = 2, Scale = 1.5 } }, Sizes, seed: 3);
        var before = model.TemplateWeights.Where(weight => weight.Coefficients.Count == 4).Select(weight => Values(weight.Coefficients[2])).ToArray();
        model.Grow(1);
        foreach (var (weight, second) in model.TemplateWeights.Where(weight => weight.Coefficients.Count == 4).Zip(before))
        {
            var a = weight.Coefficients.Select(Values).ToArray();
            Assert.Equal(second, a[2]);
            Assert.Equal(1.5, Math.Sqrt(a[3].Sum(value => value * value)), 1e-5);
            double Alike(double x, double y) => a[..3].Sum(other => Math.Pow((other[0] * x) + (other[1] * y), 2));
            var best = Enumerable.Range(0, 180).Min(degree => Alike(Math.Cos(degree * Math.PI / 180), Math.Sin(degree * Math.PI / 180)));
            Assert.InRange(Alike(a[3][0] / 1.5, a[3][1] / 1.5), 0, best + 1e-6);
        }
        var many = Make(templates: 5);
        many.Grow(1);
        foreach (var weight in many.TemplateWeights.Where(weight => weight.Coefficients.Count == 4))
        {
            var a = weight.Coefficients.Select(Values).ToArray();
            Assert.All(a[..3], other => Assert.Equal(0, other.Zip(a[3], (x, y) => x * y).Sum(), 1e-5));
        }
    }

    [Fact]
    public void CoefficientsDoNotDecay()
    {
        var model = Make();
        using var optimizer = new WeightOptimizer(model.Weights, new() { Optimizer = "sgd", WeightDecay = 0.5, LearningRate = 0.1 });
        var before = model.Weights.Where(weight => weight.IsTrainable).ToDictionary(weight => weight.Name, Values);
        foreach (var weight in model.Weights.Where(weight => weight.IsTrainable))
            weight.Parameter.grad = torch.zeros_like(weight.Parameter);
        optimizer.Step(0.1);
        foreach (var (name, values) in before)
            Assert.Equal(!name.StartsWith("templates", StringComparison.Ordinal), values.SequenceEqual(Values(model.Weights.Single(weight => weight.Name == name))));
    }

    [Fact]
    public void WhatCannotGrowIsNamed()
    {
        Assert.Contains("has 5, but a network that grows", Assert.Throws<UserError>(() => new GrowingClassifier(new ModelOptions { Cnn = new() { Channels = [4, 5], Pools = [] }, Growth = new() { Templates = 1 } }, Sizes, 1)).Message, StringComparison.Ordinal);
        Assert.Contains("leaves nothing of Trainer:Steps 10", Assert.Throws<UserError>(() => GrowthTraining.Of(Make(), Images(8), Options(10, 5), 1, null)).Message, StringComparison.Ordinal);
        Assert.Contains("Model:Growth:Templates makes a network grow", Assert.Throws<UserError>(() =>
            ClassifierRun.Build(new ModelOptions { Backbone = ModelOptions.CellNetwork, Growth = new() { Templates = 1 } }, new(), null, Sizes, 1, null)).Message, StringComparison.Ordinal);
    }
}
