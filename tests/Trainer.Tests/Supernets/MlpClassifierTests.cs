using OnnxMoe.Artifacts;
using OnnxMoe.Artifacts.Manifests;
using OnnxMoe.Search.Spaces;
using OnnxMoe.Trainer.Backbones;
using OnnxMoe.Trainer.Data;
using OnnxMoe.Trainer.Layers;
using OnnxMoe.Trainer.Ops;
using OnnxMoe.Trainer.Supernets;
using OnnxMoe.Trainer.Training;
using TorchSharp;

namespace OnnxMoe.Trainer.Tests.Supernets;

public class MlpClassifierTests
{
    private static readonly ClassifierSizes Sizes = new(3, 4, 5);
    private static readonly SearchSpace Space = new("toy", [new("width", 1, ["4", "6", "8"]), new("depth", 1, ["1", "2", "3"]), new("hidden", 3, ["2", "5", "7"], "depth")]);

    private static MlpClassifier Supernet(long seed = 1) => new(new ModelOptions { Backbone = ModelOptions.Perceptron, Activation = "gelu", InitialDeviation = 0.5 }, Space, Sizes, seed);

    private static float[] Logits(Classifier model, Value? mask = null)
    {
        using var noGrad = torch.no_grad();
        var ops = new TorchOps();
        return Some.Floats(model.Forward(Some.Normal(ops, 7, 6, Sizes.Length, Sizes.Features), mask, new ForwardContext(ops)));
    }

    [Fact]
    public void EveryExtractedModelIsTheSupernetAtItsArchitecture()
    {
        var supernet = Supernet();
        var different = new HashSet<string>();
        foreach (var architecture in Space.All())
        {
            supernet.Active = architecture;
            var expected = Logits(supernet);
            var extracted = (MlpClassifier)supernet.Extract(architecture);
            Near(expected, Logits(extracted));
            Assert.True(different.Add(string.Join(' ', expected)));
            var shape = MlpClassifier.ShapeOf(architecture);
            var (inputs, w) = (Sizes.Features * Sizes.Length, shape.Width);
            Assert.Equal(((inputs + 1) * w) + shape.Hidden.Sum(f => w + ((w + 1) * f) + ((f + 1) * w)) + w + ((w + 1) * Sizes.Classes), ModelCost.Parameters(extracted).Total);
            Assert.Equal((2.0 * inputs * w) + shape.Hidden.Sum(f => 4.0 * w * f) + (2 * w * Sizes.Classes), extracted.CostOfToken(new CostContext(1)).Sum(cost => cost.Flops));
        }
        Assert.Equal(Space.Size, different.Count);
    }

    [Fact]
    public void AnOrdinaryModelOfTheSameSizesIsBuiltFromItsOptions()
    {
        var supernet = Supernet();
        var architecture = Space.Of(1, 1, 2, 0, 0);
        var options = new ModelOptions { Backbone = ModelOptions.Perceptron, Activation = "gelu", Mlp = MlpClassifier.ShapeOf(architecture) };
        Assert.Equal((6, "7 2"), (options.Mlp.Width, string.Join(' ', options.Mlp.Hidden)));
        var built = new MlpClassifier(options, Sizes, seed: 3);
        Assert.Equal(supernet.Extract(architecture).Weights.Select(weight => (weight.Name, string.Join(',', weight.Shape))), built.Weights.Select(weight => (weight.Name, string.Join(',', weight.Shape))));
    }

    [Fact]
    public void WhatTheSupernetDoesLaterLeavesAnExtractedModelAlone()
    {
        var supernet = Supernet();
        var extracted = (MlpClassifier)supernet.Extract(Space.Smallest);
        var before = Logits(extracted);
        using (torch.no_grad())
            foreach (var weight in supernet.Weights)
                weight.Parameter.mul_(2);
        Assert.Equal(before, Logits(extracted));
    }

    [Fact]
    public void OnlyTheUsedPartOfAWeightLearns()
    {
        var supernet = Supernet();
        supernet.Active = Space.Of(0, 1, 1, 0, 0);
        var ops = new TorchOps(training: true);
        TorchOps.TensorOf(supernet.Forward(Some.Normal(ops, 7, 6, Sizes.Length, Sizes.Features), null, new ForwardContext(ops))).square().sum().backward();
        foreach (var weight in supernet.Weights)
        {
            if (weight.Parameter.grad is not { } gradient)
            {
                Assert.StartsWith("layers.2.", weight.Name, StringComparison.Ordinal); // the block that does not exist
                continue;
            }
            var outside = gradient.clone();
            var part = supernet.Extract(supernet.Active).Weights.Single(small => small.Name == weight.Name);
            var inside = outside;
            for (var dimension = 0; dimension < part.Shape.Length; dimension++)
                inside = inside.narrow(dimension, 0, part.Shape[dimension]);
            Assert.True(inside.abs().sum().item<float>() > 0, weight.Name);
            inside.zero_();
            Assert.Equal(0, outside.abs().sum().item<float>());
        }
    }

    [Fact]
    public void PaddingIsLeftOutAndRowsDoNotDependOnEachOther()
    {
        var model = Supernet();
        var ops = new TorchOps();
        var mask = ops.Constant(Artifacts.Tensors.HostTensor.From(Enumerable.Repeat(1L, 24).ToArray(), 6, 4));
        Near(Logits(model), Logits(model, mask));
        using var noGrad = torch.no_grad();
        var x = Some.Normal(ops, 7, 6, Sizes.Length, Sizes.Features);
        var alone = Some.Floats(model.Forward(x.Slice(0, 2, 3), null, new ForwardContext(ops)));
        Near(Logits(model)[(2 * Sizes.Classes)..(3 * Sizes.Classes)], alone);
    }

    [Fact]
    public void AStepSumsTheGradientsOfItsPaths()
    {
        var random = new Random(1);
        var data = new LabeledSequences([.. Enumerable.Range(0, 40 * 12).Select(_ => random.NextSingle())], [.. Enumerable.Range(0, 40).Select(i => (long)(i % 5))], 4, 3, 5);
        var trainer = new TrainerOptions { Steps = 10, BatchSize = 8, ClipNorm = 0, WarmupSteps = 0, LearningRate = 0 };
        double Norm(PathSampler paths)
        {
            var supernet = Supernet();
            using var step = new ClassifierStep(supernet, new WeightOptimizer(supernet.Weights, trainer), data, trainer, 5, null) { Paths = paths };
            return step.Run(3).GradientNorm;
        }
        // With one architecture taken twice the gradient is twice as large.
        Assert.Equal(2 * Norm(new GivenPaths([Space.Largest])), Norm(new GivenPaths([Space.Largest, Space.Largest])), 1e-4);
        var sandwich = new SandwichPaths(Space, 2, seed: 9);
        Assert.Equal([Space.Largest, Space.Smallest], sandwich.Sample(3).Take(2));
        Assert.Equal(sandwich.Sample(3), new SandwichPaths(Space, 2, seed: 9).Sample(3));
        Assert.NotEqual(sandwich.Sample(3), sandwich.Sample(4));
        Assert.Equal(Norm(sandwich), Norm(new GivenPaths(sandwich.Sample(3))), 1e-9);
    }

    [Fact]
    public void UniformPathsDrawEveryChoiceAboutEquallyOften()
    {
        var paths = new UniformPaths(Space, 3, seed: 2);
        var widths = Enumerable.Range(0, 1000).SelectMany(paths.Sample).GroupBy(a => a.Whole("width")).Select(group => group.Count()).ToArray();
        Assert.Equal(3, widths.Length);
        Assert.All(widths, count => Assert.InRange(count, 850, 1150));
    }

    [Fact]
    public void ASpaceWithoutAGeneIsAClearError() =>
        Assert.Contains("has no gene 'depth'", Assert.Throws<UserError>(() => new MlpClassifier(new ModelOptions(), new SearchSpace("s", [new("width", 1, ["4"])]), Sizes, 1)).Message, StringComparison.Ordinal);

    private static void Near(float[] expected, float[] actual)
    {
        Assert.Equal(expected.Length, actual.Length);
        Assert.All(expected.Zip(actual), pair => Assert.Equal(pair.First, pair.Second, 1e-5));
    }

    private sealed class GivenPaths(IReadOnlyList<Architecture> architectures) : PathSampler
    {
        public override IReadOnlyList<Architecture> Sample(int step) => architectures;
    }
}
