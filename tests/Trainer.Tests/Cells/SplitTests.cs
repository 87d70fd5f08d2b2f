using OnnxMoe.Artifacts;
using OnnxMoe.Artifacts.Manifests;
using OnnxMoe.Search.Spaces;
using OnnxMoe.Trainer.Backbones;
using OnnxMoe.Trainer.Cells;
using OnnxMoe.Trainer.Layers;
using OnnxMoe.Trainer.Normalization;
using OnnxMoe.Trainer.Ops;
using OnnxMoe.Trainer.Supernets;
using OnnxMoe.Trainer.Tests.Supernets;
using OnnxMoe.Trainer.Training;
using TorchSharp;

namespace OnnxMoe.Trainer.Tests.Cells;

public class SplitTests
{
    private static readonly string[] Operations = ["none", "skip", "avgpool", "conv1x1", "conv3x3"];
    private static readonly SearchSpace Space = new("cells", [new("op", 3, Operations)]);
    private static readonly ClassifierSizes Sizes = new(1, 16, 3);

    private static ModelOptions Model => new() { Backbone = ModelOptions.CellNetwork, Cells = new() { Channels = 3, Nodes = 3 } };

    private static SplitOptions Split(string by = "gradient", string restart = "none", params int[] at) => new() { At = at, By = by, Restart = restart, Repeats = 2 };

    private static TrainerOptions Training(int steps) => new() { Steps = steps, BatchSize = 12, Optimizer = "sgd", WarmupSteps = 0, LearningRate = 0.05 };

    private static FewShotStep Step(FewShotSupernet supernet, SplitOptions split, int steps) =>
        new(supernet, new() { Split = split, Paths = "uniform" }, GradNormPathsTests.Images(40), Training(steps), seed: 5, device: null);

    [Theory]
    [InlineData("gradient", 2, 4)]
    [InlineData("random", 2, 4)]
    [InlineData("exhaustive", 1, 5)]
    public void LeavesPartitionTheSpace(string by, int levels, int leaves)
    {
        var split = Split(by, "none", levels == 2 ? [3, 6] : [3]);
        var supernet = new FewShotSupernet(Model, split, Space, Sizes, seed: 1);
        using var step = Step(supernet, split, 40);
        Assert.All(Space.All(), architecture => Assert.Equal(0, supernet.Tree.Choose(architecture)));
        for (var done = 0; done < 8; done++)
            step.Run(done);
        Assert.Equal(leaves, supernet.Leaves.Count);
        var allowed = Enumerable.Range(0, leaves).Select(supernet.Tree.AllowedOf).ToArray();
        Assert.Equal((long)Space.Size, allowed.Sum(rows => rows.Aggregate(1L, (product, row) => product * row.Count(may => may))));
        Assert.All(Space.All(), architecture => Assert.Equal(supernet.Tree.Choose(architecture),
            Assert.Single(Enumerable.Range(0, leaves), leaf => allowed[leaf].Index().All(row => row.Item[architecture.Genes[row.Index]]))));
        // Each has a network, and the second split of a sub-supernet is on another edge than the first.
        Assert.All(allowed, rows => Assert.Contains(Space.All(), architecture => supernet.IsValid(architecture) && rows.Index().All(row => row.Item[architecture.Genes[row.Index]])));
        Assert.All(Enumerable.Range(0, levels == 2 ? 2 : 0), parent => Assert.NotEqual(supernet.Tree.ChoiceAt(0, 0)!.Edge, supernet.Tree.ChoiceAt(1, parent)!.Edge));
    }

    [Fact]
    public void ChildrenGoOnWhereTheirParentWas()
    {
        var split = Split("gradient", "none", 4);
        var supernet = new FewShotSupernet(Model, split, Space, Sizes, seed: 1);
        var plain = new CellClassifier(Model, Space, Sizes, seed: 1);
        Assert.Equal(Weights(plain), Weights(supernet.Leaves[0]));
        using var step = Step(supernet, split, 40);
        for (var done = 0; done < 4; done++)
            step.Run(done);
        float[][] before = [.. Space.All().Select(architecture => Logits(supernet, architecture))];
        var momentum = Moments(step, 0);
        // Step 4 splits, then trains child 0; child 1 is what the parent was, its momentum too.
        step.Run(4);
        foreach (var (architecture, logits) in Space.All().Zip(before))
            Assert.Equal(supernet.Tree.Choose(architecture) == 1, logits.SequenceEqual(Logits(supernet, architecture)));
        Assert.Equal(momentum, Moments(step, 1));
        Assert.NotEqual(momentum, Moments(step, 0));
    }

    [Theory]
    [InlineData("final", false, true)]
    [InlineData("all", true, true)]
    [InlineData("none", false, false)]
    public void RestartedChildrenAreNew(string restart, bool first, bool second)
    {
        var split = Split("random", restart, 2, 4);
        var supernet = new FewShotSupernet(Model, split, Space, Sizes, seed: 1);
        using var step = Step(supernet, split, 12);
        void Check(int child, bool isNew, float[] parent, float[] momentum, double rate, double continued)
        {
            Assert.Equal(!isNew, parent.SequenceEqual(Weights(supernet.Leaves[child])));
            Assert.Equal(!isNew, momentum.SequenceEqual(Moments(step, child)));
            if (isNew)
                Assert.All(Moments(step, child), value => Assert.Equal(0, value));
            Assert.Equal(isNew ? 0.05 : continued, rate, 1e-12);
        }
        step.Run(0);
        step.Run(1);
        var (weights, moments) = (Weights(supernet.Leaves[0]), Moments(step, 0));
        var rate = step.Run(2).LearningRate;
        Check(1, first, weights, moments, rate, LearningRate.At(Training(12), 2));
        step.Run(3);
        (weights, moments) = (Weights(supernet.Leaves[1]), Moments(step, 1));
        rate = step.Run(4).LearningRate;
        Check(3, second, weights, moments, rate, LearningRate.At(Training(12), 4));
        // The last steps of all share the end of the cosine.
        Assert.InRange(step.Run(11).LearningRate, 0.005, 0.01);
    }

    [Fact]
    public void ProbingLeavesNoTrace()
    {
        var supernet = new CellClassifier(Model, Space, Sizes, seed: 1) { Active = Space.Of(4, 3, 2) };
        using var optimizer = new WeightOptimizer(supernet.Weights, Training(10));
        var (before, moments) = (Weights(supernet), optimizer.Moments().SelectMany(moment => Some(moment.Moment)).ToArray());
        var images = GradNormPathsTests.Images(40);
        bool[][] all = [.. Enumerable.Repeat(Enumerable.Repeat(true, 5).ToArray(), 3)];
        var distances = GradientMatching.Distances(supernet, new PartPaths(supernet, all, 1, 3), 1, repeat => images.Batch(1, repeat, 0, 12), 3);
        Assert.Equal(before, Weights(supernet));
        Assert.Equal(moments, optimizer.Moments().SelectMany(moment => Some(moment.Moment)).ToArray());
        Assert.All(supernet.Weights, weight => Assert.Null(weight.Parameter.grad));
        Assert.Equal(Space.Of(4, 3, 2), supernet.Active);
        for (var i = 0; i < 5; i++)
            for (var j = 0; j < 5; j++)
            {
                Assert.Equal(distances[i, j], distances[j, i], 1e-12);
                Assert.InRange(distances[i, j], i == j ? -1e-9 : 1e-4, i == j && i == 4 ? 1e-5 : 2 + 1e-9);
            }
    }

    [Fact]
    public void TheSplitEdgesOwnOperationsAreNotShared()
    {
        var supernet = new CellClassifier(new() { Backbone = ModelOptions.CellNetwork, Cells = new() { Channels = 3, Nodes = 3, Stages = 2 } }, Space, Sizes, seed: 1);
        string[] names = [.. GradientMatching.SharedWeights(supernet, 1).Select(weight => weight.Name)];
        Assert.Equal(2 * 2 * 2 + 3, names.Length); // two cells, two other edges, two convolutions each; three of the block between the cells
        Assert.DoesNotContain(names, name => name.Contains(".edges.1.", StringComparison.Ordinal) || name.StartsWith("stem", StringComparison.Ordinal) || name.StartsWith("head", StringComparison.Ordinal) || name.StartsWith("alpha", StringComparison.Ordinal));
        Assert.Contains(names, name => name.Contains("cells.0.edges.0.conv3x3", StringComparison.Ordinal));
    }

    /// <summary>Edge 1 has two kinds of operations, each twice nearly the same; those of edge 0 are all nearly the same.</summary>
    [Fact]
    public void PlantedGroupsAreFound()
    {
        var rule = new SplitRule(new() { At = [1] }, 3, ["a", "b", "c", "d"]);
        bool[][] all = [.. Enumerable.Repeat(Enumerable.Repeat(true, 4).ToArray(), 3)];
        for (var seed = 0; seed < 5; seed++)
        {
            var random = new Random(seed);
            double[] Direction() => [.. Enumerable.Range(0, 50).Select(_ => random.NextDouble() - 0.5)];
            double[] Near(double[] direction) => [.. direction.Select(value => value * (1 + (0.1 * (random.NextDouble() - 0.5))))];
            var (one, other, common) = (Direction(), Direction(), Direction());
            var distances = new[]
            {
                GradientProbe.Distances([.. Enumerable.Range(0, 4).Select(_ => Near(common))]),
                GradientProbe.Distances([Near(one), Near(other), Near(one), Near(other)]),
                GradientProbe.Distances([.. Enumerable.Range(0, 4).Select(_ => Near(common))]),
            };
            var choice = rule.Choose(all, edge => distances[edge], random);
            Assert.Equal(1, choice.Edge);
            Assert.Equal([0, 1, 0, 1], choice.GroupOf);
        }
    }

    [Fact]
    public void TheEdgeRulesAreTheBruteForceOnes()
    {
        var random = new Random(4);
        bool[][] allowed = [.. Enumerable.Range(0, 3).Select(edge => Enumerable.Range(0, 5).Select(op => edge != 1 || op < 3).ToArray())];
        for (var round = 0; round < 20; round++)
        {
            var distances = Enumerable.Range(0, 3).Select(_ => GradientProbe.Distances([.. Enumerable.Range(0, 5).Select(_ => Enumerable.Range(0, 4).Select(_ => random.NextDouble() - 0.5).ToArray())])).ToArray();
            foreach (var across in new[] { true, false })
            {
                var choice = new SplitRule(new() { At = [1], Edge = across ? "across" : "within" }, 3, Operations).Choose(allowed, edge => edge == 1 ? throw new InvalidOperationException("It is split already.") : distances[edge], random);
                var candidates = new[] { 0, 2 }.SelectMany(edge => GraphPartition.All(5, 2).Select(groupOf => (Edge: edge, GroupOf: groupOf)));
                var best = across ? candidates.MaxBy(one => GraphPartition.Across(distances[one.Edge], one.GroupOf))
                    : candidates.MinBy(one => GraphPartition.Within(distances[one.Edge], one.GroupOf));
                Assert.Equal(best.Edge, choice.Edge);
                Assert.Equal(best.GroupOf, choice.GroupOf);
            }
        }
    }

    [Fact]
    public void AGroupWithoutANetworkIsNotTaken()
    {
        // Two nodes: the one edge is the network, so that none by itself is none.
        var rule = new SplitRule(new() { At = [1], By = "exhaustive" }, 2, ["none", "skip", "conv1x1"]);
        Assert.Contains("no edge can be split into 3 groups that all leave a network", Assert.Throws<UserError>(() => rule.Choose([[true, true, true]], _ => new double[3, 3], new Random(1))).Message, StringComparison.Ordinal);
        var pairs = new SplitRule(new() { At = [1] }, 2, ["none", "skip", "conv1x1"]);
        var choice = pairs.Choose([[true, true, true]], _ => new double[,] { { 0, 2, 2 }, { 2, 0, 0.1 }, { 2, 0.1, 0 } }, new Random(1));
        Assert.NotEqual([0, 1, 1], choice.GroupOf); // the nearest partition has none alone
    }

    [Fact]
    public void WhatDoesNotFitIsNamed()
    {
        string Make(SplitOptions split, SearchSpace? space = null) => Assert.Throws<UserError>(() => new FewShotSupernet(Model, split, space ?? Space, Sizes, seed: 1)).Message;
        Assert.Contains("Supernet:Split:At is 6,3; the steps must ascend", Make(Split("random", "none", 6, 3)), StringComparison.Ordinal);
        Assert.Contains("a cell has only 3 edges", Make(Split("random", "none", 1, 2, 3, 4)), StringComparison.Ordinal);
        Assert.Contains("Groups is 3, but the search space 'two' has only 2 operations", Make(new() { At = [1], Groups = 3 }, new("two", [new("op", 3, ["skip", "conv1x1"])])), StringComparison.Ordinal);
        var split = Split("random", "none", 5);
        Assert.Contains("steps must be left after the last split", Assert.Throws<UserError>(() => Step(new(Model, split, Space, Sizes, 1), split, 5)).Message, StringComparison.Ordinal);
        string Check(SupernetOptions options, ISupernet? supernet) => Assert.Throws<UserError>(() => SupernetSamplers.Check(options, supernet, TextWriter.Null)).Message;
        Assert.Contains("set Supernet:Space, and Model:Backbone to cells", Check(new() { Split = split }, null), StringComparison.Ordinal);
        Assert.Contains("set it to uniform", Check(new() { Split = split }, new FewShotSupernet(Model, split, Space, Sizes, 1)), StringComparison.Ordinal);
    }

    [Fact]
    public void TheExtractedModelHasTheWeightsOfItsLeaf()
    {
        var split = Split("gradient", "none", 2, 4);
        var supernet = new FewShotSupernet(Model, split, Space, Sizes, seed: 1);
        using var step = Step(supernet, split, 12);
        for (var done = 0; done < 12; done++)
            step.Run(done);
        foreach (var architecture in Space.All().Where(supernet.IsValid).Where((_, i) => i % 7 == 0))
        {
            supernet.Active = architecture;
            EstimatedStatistics.Run(supernet, [GradNormPathsTests.Images(30)]);
            var extracted = (CellClassifier)supernet.Extract(architecture);
            Assert.All(Logits(supernet, architecture, stored: true).Zip(Logits(extracted)), pair => Assert.Equal(pair.First, pair.Second, 1e-5));
            Assert.Equal(supernet.CostOfToken(new(1)).Sum(cost => cost.Flops), extracted.CostOfToken(new(1)).Sum(cost => cost.Flops));
        }
    }

    private static float[] Some(torch.Tensor tensor) => tensor.detach().data<float>().ToArray();

    private static float[] Weights(CellClassifier model) => [.. model.Weights.SelectMany(weight => Some(weight.Parameter))];

    private static float[] Moments(FewShotStep step, int leaf) =>
        [.. step.Moments().Where(moment => moment.Name.Contains($"leaves.{leaf}.", StringComparison.Ordinal)).SelectMany(moment => Some(moment.Moment))];

    private static float[] Logits(FewShotSupernet supernet, Architecture architecture, bool stored = false)
    {
        supernet.Active = architecture;
        return Logits(supernet, stored ? null : BatchStatistics.Unrecorded);
    }

    private static float[] Logits(Classifier model, BatchStatistics? statistics = null)
    {
        using var noGrad = torch.no_grad();
        var (ops, images) = (new TorchOps(), GradNormPathsTests.Images(5));
        return Some(TorchOps.TensorOf(model.Forward(ops.Value(torch.tensor(images.Features, [5, 16, 1])), null, new ForwardContext(ops) { BatchStatistics = statistics })));
    }
}
