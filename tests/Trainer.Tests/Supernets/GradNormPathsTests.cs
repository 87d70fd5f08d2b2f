using OnnxMoe.Artifacts;
using OnnxMoe.Artifacts.Manifests;
using OnnxMoe.Search.Spaces;
using OnnxMoe.Trainer.Backbones;
using OnnxMoe.Trainer.Cells;
using OnnxMoe.Trainer.Data;
using OnnxMoe.Trainer.Supernets;
using OnnxMoe.Trainer.Training;

namespace OnnxMoe.Trainer.Tests.Supernets;

public class GradNormPathsTests
{
    private static readonly SearchSpace Space = new("cells", [new("op", 3, ["none", "skip", "conv1x1", "conv3x3"])]);
    private static readonly SamplingEpochs Epochs = new(StepsPerEpoch: 4, Epochs: 10);

    internal static CellClassifier Supernet(SearchSpace space, long seed = 1) =>
        new(new() { Backbone = ModelOptions.CellNetwork, Cells = new() { Channels = 3, Nodes = 3, Stages = 2 } }, space, new ClassifierSizes(1, 16, 3), seed);

    internal static LabeledSequences Images(int count)
    {
        var random = new Random(7);
        return new([.. Enumerable.Range(0, count * 16).Select(i => random.NextSingle() + (i / 16 % 3 == i % 3 ? 1 : 0))], [.. Enumerable.Range(0, count).Select(i => (long)(i % 3))], 16, 1, 3);
    }

    [Fact]
    public void NormsAreHalvedIntoOneAnother()
    {
        var paths = new GradNormPaths(Supernet(Space), Epochs, unbiased: false, seed: 1);
        paths.Observe([null, null, 4, 8]);
        Assert.Equal([0, 0, 2, 4], paths.Norms);
        paths.Observe([null, null, null, 2]);
        Assert.Equal([0, 0, 2, 3], paths.Norms);
        paths.Observe([null, null, 0, 1]);
        Assert.Equal([0, 0, 1, 2], paths.Norms);
        paths.EndEpoch(6);
        Assert.Equal([0, 0, 0, 0], paths.Norms);
        // tau 0.6: what has no weights keeps its part of the uniform rest alone.
        Assert.All(paths.Probabilities.Zip([0.1, 0.1, 0.3, 0.5]), pair => Assert.Equal(pair.Second, pair.First, 1e-12));
        paths.EndEpoch(7);
        Assert.All(paths.Probabilities, p => Assert.Equal(0.25, p));
        paths.Observe([null, null, 1, 1]);
        paths.EndEpoch(0);
        Assert.All(paths.Probabilities, p => Assert.Equal(0.25, p));
        Assert.Contains("the gradient of the operation conv1x1 is NaN", Assert.Throws<UserError>(() => paths.Observe([null, null, double.NaN, 1])).Message, StringComparison.Ordinal);
    }

    /// <summary>An operation on three edges counts as the mean of the three, over all cells summed; and it is measured when the gradients are clipped.</summary>
    [Fact]
    public void AStepObservesItsOperationsAfterClipping()
    {
        double[] NormsAfterAStep(double clip, out double before, out CellClassifier model)
        {
            model = Supernet(Space);
            var options = new TrainerOptions { Steps = 100, BatchSize = 12, Optimizer = "sgd", WarmupSteps = 0, ClipNorm = clip };
            var paths = new Fixed(model, [3, 3, 3]);
            using var step = new ClassifierStep(model, new WeightOptimizer(model.Weights, options), Images(30), options, 1, null) { Paths = paths };
            before = step.Run(0).GradientNorm;
            return paths.Seen!;
        }
        var whole = NormsAfterAStep(0, out var norm, out var model);
        var clipped = NormsAfterAStep(norm / 10, out _, out _);
        Assert.Equal(whole[3] / 10, clipped[3], whole[3] * 1e-4);
        Assert.Equal(2, model.Cells.Count());
        Assert.InRange(whole[3], norm / 100, norm * 2);
    }

    [Fact]
    public void CandidatesAreAveragedOverEdgesAndSummedOverCells()
    {
        var model = Supernet(Space);
        model.Active = Space.Of(3, 1, 3);
        double expected = 0;
        using (TorchSharp.torch.no_grad())
            foreach (var (cell, c) in model.Cells.Select((cell, c) => (cell, c)))
                foreach (var edge in new[] { 0, 2 })
                {
                    var weight = cell.Edges[edge][3].Weight!.Parameter;
                    weight.grad = TorchSharp.torch.full(weight.shape, (float)(c + edge + 1));
                    expected += (c + edge + 1) * Math.Sqrt(weight.numel()) / 2;
                }
        var norms = GradientProbe.OfCandidates(model, model.Active);
        Assert.Equal(expected, norms[3]!.Value, expected * 1e-6);
        Assert.Equal([null, null, null], norms[..3]);
    }

    [Fact]
    public void OneDistributionServesAllEdges()
    {
        var paths = new GradNormPaths(Supernet(Space), Epochs, unbiased: false, seed: 1);
        paths.Observe([null, null, 2, 6]);
        paths.EndEpoch(8);
        var drawn = Enumerable.Range(0, 3000).Select(step => paths.Sample(step).Single()).ToArray();
        for (var edge = 0; edge < 3; edge++)
            for (var op = 0; op < 4; op++)
            {
                var p = paths.Probabilities[op];
                Assert.InRange(Math.Abs(drawn.Count(path => path.Genes[edge] == op) - (3000 * p)), 0, 5 * Math.Sqrt(3000 * p * (1 - p)));
            }
        // Edges are independent: the last operation on the first edge does not change the second.
        var first = drawn.Where(path => path.Genes[0] == 3).ToArray();
        Assert.InRange(first.Count(path => path.Genes[1] == 3) / (double)first.Length, paths.Probabilities[3] - 0.07, paths.Probabilities[3] + 0.07);
        Assert.Equal(drawn[17], paths.Sample(17).Single());
    }

    [Fact]
    public void WeightsMakeUpForUnevenPaths()
    {
        var paths = new GradNormPaths(Supernet(Space), Epochs, unbiased: true, seed: 1);
        paths.Observe([null, null, 2, 6]);
        paths.EndEpoch(8);
        // The mean of any function of the architecture is that over uniform ones.
        double Function(Architecture architecture) => architecture.Genes[0] + (10 * architecture.Genes[1] * architecture.Genes[2]);
        double Probability(Architecture architecture) => architecture.Genes.ToArray().Aggregate(1.0, (product, op) => product * paths.Probabilities[op]);
        Assert.Equal(Space.All().Average(Function), Space.All().Sum(architecture => Probability(architecture) * paths.WeightOf(architecture) * Function(architecture)), 1e-9);
        Assert.Equal(1, new GradNormPaths(Supernet(Space), Epochs, unbiased: false, seed: 1).WeightOf(Space.Largest));
    }

    [Fact]
    public void FairPathsRunEveryChoiceOfEveryGeneOnce()
    {
        var paths = new FairPaths(Space, seed: 3);
        for (var step = 0; step < 20; step++)
        {
            var run = paths.Sample(step);
            for (var gene = 0; gene < 3; gene++)
                Assert.Equal([0, 1, 2, 3], run.Select(path => path.Genes[gene]).Order());
        }
        Assert.True(Enumerable.Range(0, 20).Select(step => paths.Sample(step)[0].Key).Distinct().Count() > 10);
        Assert.Contains("have 2, 3 choices", Assert.Throws<UserError>(() => new FairPaths(new("x", [new("a", 1, ["1", "2"]), new("b", 1, ["1", "2", "3"])]), 1)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void WhatDoesNotFitIsNamed()
    {
        string Check(SupernetOptions options, ISupernet? supernet) => Assert.Throws<UserError>(() => SupernetSamplers.Check(options, supernet, TextWriter.Null)).Message;
        var perceptron = new MlpClassifier(new() { Backbone = ModelOptions.Perceptron }, new SearchSpace("mlp", [new("width", 1, ["2"]), new("depth", 1, ["1"]), new("hidden", 1, ["2"], "depth")]), new(1, 16, 3), seed: 1);
        Assert.Contains("Supernet:Data is gradient-norm, but there is no Supernet:Space", Check(new() { Data = "gradient-norm" }, null), StringComparison.Ordinal);
        Assert.Contains("Supernet:Paths is gradient-norm, but there is no Supernet:Space", Check(new() { Paths = "gradient-norm" }, null), StringComparison.Ordinal);
        Assert.Contains("set Model:Backbone to cells", Check(new() { Paths = "gradient-norm" }, perceptron), StringComparison.Ordinal);
        Assert.Contains("Supernet:RandomPaths is 2", Check(new() { Paths = "gradient-norm", RandomPaths = 2 }, Supernet(Space)), StringComparison.Ordinal);
        Assert.Contains("nothing is drawn unevenly", Check(new() { Reweight = "unbiased" }, Supernet(Space)), StringComparison.Ordinal);
        foreach (var options in new SupernetOptions[] { new() { Paths = "gradient-norm" }, new() { Data = "gradient-norm" }, new() { Split = new() { At = [1] } } })
            Assert.Contains("are for models that classify", Assert.Throws<UserError>(() => TrainRun.Execute("nowhere", new("lm", 1, new(), new(), new()) { Supernet = options }, TextWriter.Null, false, default)).Message, StringComparison.Ordinal);
        Assert.Contains("whose training draws examples uniformly", Check(new() { Data = "gradient-norm", Space = "x", Gates = "soft" }, Supernet(Space)), StringComparison.Ordinal);
        var log = new StringWriter();
        SupernetSamplers.Check(new() { Paths = "gradient-norm", Data = "gradient-norm" }, Supernet(new("free", [new("op", 3, ["skip", "avgpool"])])), log);
        Assert.Contains("Warning: no operation of the search space has weights", log.ToString(), StringComparison.Ordinal);
    }

    private sealed class Fixed(CellClassifier model, int[] genes) : PathSampler
    {
        public double[]? Seen { get; private set; }

        public override IReadOnlyList<Architecture> Sample(int step) => [model.Space.Of(genes)];

        public override void Observe(int step, IReadOnlyList<Architecture> run, IDictionary<string, double> metrics) =>
            Seen = [.. GradientProbe.OfCandidates(model, run.Single()).Select(norm => norm ?? 0)];
    }
}
