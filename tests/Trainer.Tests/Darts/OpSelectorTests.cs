using OnnxMoe.Artifacts;
using OnnxMoe.Search.Spaces;
using OnnxMoe.Trainer.Cells;
using OnnxMoe.Trainer.Darts;
using OnnxMoe.Trainer.Data;
using OnnxMoe.Trainer.Layers;
using OnnxMoe.Trainer.Normalization;
using OnnxMoe.Trainer.Ops;
using TorchSharp;

namespace OnnxMoe.Trainer.Tests.Darts;

public class OpSelectorTests
{
    /// <summary>The classes are what the convolution alone says, and its architecture weight is the smallest.</summary>
    [Theory]
    [InlineData("loss")]
    [InlineData("accuracy")]
    public void ADeletionFindsTheOperationThatCarriesTheSignal(string criterion)
    {
        var space = new SearchSpace("edge", [new("op", 1, ["none", "avgpool", "conv3x3"])]);
        var model = new CellClassifier(new() { Backbone = "cells", Cells = new() { Channels = 4, Nodes = 2, Stages = 1 } }, space, Toy.Sizes, seed: 2);
        model.Gates = new OneHotGates([2]);
        var images = Toy.Images(60);
        var labeled = images with { Labels = Classes(model, images) };
        Assert.True(labeled.Labels.Distinct().Count() > 1);
        using (torch.no_grad())
            model.Alpha.Parameter.copy_(torch.tensor([0.9f, 1f, 0.8f], [1, 3]));
        var gates = new SoftGates(model.Alpha);
        model.Gates = gates;
        var selector = new PerturbationSelector(DeletionCriterion.Of(criterion, model, labeled, 60, null));
        Assert.Equal(1, new MagnitudeSelector().Best(new MagnitudeSelector().Score(gates, 0)));
        Assert.Equal(2, selector.Best(selector.Score(gates, 0)));
        Assert.Equal(2, Assert.Single(selector.Decide(gates, 1, () => 0)).Op);
        Assert.Equal([2], gates.Decided);
    }

    [Fact]
    public void ScoringLeavesNoTrace()
    {
        var model = Toy.Supernet();
        var gates = new SoftGates(model.Alpha);
        gates.Decide(0, 3);
        model.Gates = gates;
        var before = Toy.State(model);
        var scores = new PerturbationSelector(DeletionCriterion.Of("loss", model, Toy.Images(20), 8, null)).Score(gates, 1);
        Assert.Equal(4, scores.Distinct().Count());
        Assert.Equal(before, Toy.State(model));
        Assert.Null(gates.Deleted);
        Assert.All(model.Weights, weight => Assert.Null(weight.Parameter.grad));
    }

    [Fact]
    public void OfEqualScoresTheFirstIsKept()
    {
        var images = Toy.Images(6);
        Assert.Equal(0, new MagnitudeSelector().Best([0.25, 0.25, 0.25, 0.25]));
        Assert.Equal(1, new PerturbationSelector(DeletionCriterion.Of("loss", Toy.Supernet(), images, 6, null)).Best([1, 2, 2]));
        Assert.Equal(1, new PerturbationSelector(DeletionCriterion.Of("accuracy", Toy.Supernet(), images, 6, null)).Best([0.5, 0.1, 0.1]));
    }

    [Fact]
    public void TheSameSeedDecidesTheSame()
    {
        var (first, again, other) = (Select(5), Select(5), Select(6));
        Assert.Equal(first.Architecture.Key, again.Architecture.Key);
        Assert.Equal(first.Decisions.Select(Text), again.Decisions.Select(Text));
        Assert.NotEqual(first.Decisions.Select(Text), other.Decisions.Select(Text));
        Assert.Equal([0, 1, 2], first.Decisions.Select(decision => decision.TunedEpochs)); // scores are taken after each tuning
        Assert.Equal([0, 1, 2], first.Decisions.Select(decision => decision.Edge).Order());
        Assert.Equal(3, Enumerable.Range(1, 20).Select(seed => OpSelector.Order(3, seed)[0]).Distinct().Count());

        static string Text(Decision decision) => $"{decision.Edge} {decision.Op} {string.Join(' ', decision.Scores)}";
        static Selection Select(long seed) => Selection.Run(Toy.Supernet(), TrainingHalves.Of(Toy.Images(40), 0.5, seed), "perturbation",
            new() { TuningEpochs = 1, Criterion = "loss" }, new(), Toy.Trainer, seed, null, null, default);
    }

    [Fact]
    public void ANodeKeepsTheInputsThatAreMissedMost()
    {
        var model = new CellClassifier(new() { Backbone = "cells", Cells = new() { Channels = 3, Nodes = 4, Stages = 1 } }, new("cells", [new("op", 6, ["none", "skip", "conv3x3"])]), Toy.Sizes, seed: 1);
        var gates = new SoftGates(model.Alpha);
        for (var edge = 0; edge < 6; edge++)
            gates.Decide(edge, edge == 1 ? 1 : 2);
        model.Gates = gates;
        var criterion = DeletionCriterion.Of("loss", model, Toy.Images(30), 30, null);
        double[] without = [.. new[] { 3, 4, 5 }.Select(edge =>
        {
            gates.Deleted = (edge, 2);
            return criterion.Measure();
        })];
        gates.Deleted = null;
        var tunings = 0;
        var decided = Assert.Single(new InputSelector(criterion, 2, model.Candidates[0], 4).Decide(gates, 1, () => ++tunings));
        Assert.Equal((3, 1), (decided.Node, tunings)); // the others have no more than two inputs
        Assert.Equal(without, decided.Scores);
        var dropped = 3 + Array.IndexOf(without, without.Min());
        Assert.Equal(0, gates.Decided[dropped]);
        Assert.Equal([3, 4, 5], decided.Kept.Append(dropped).Order());
    }

    [Fact]
    public void WhatDoesNotGoTogetherIsNamed()
    {
        string Select(SelectionOptions options, string method = "perturbation", bool frozen = false) => Assert.Throws<UserError>(() => Selection.Run(Toy.Supernet(), TrainingHalves.Of(Toy.Images(40), 0.5, 1),
            method, options, new() { FrozenAlpha = frozen }, Toy.Trainer, 1, null, null, default)).Message;
        Assert.Contains("no node of a cell of 3 nodes has more than 2 edges that come in", Select(new() { TopologyInputs = 3 }), StringComparison.Ordinal);
        Assert.Contains("Criterion is 'size'; it must be accuracy or loss", Select(new() { Criterion = "size" }), StringComparison.Ordinal);
        Assert.Contains("FrozenAlpha left them as they started; use perturbation", Select(new(), "magnitude", frozen: true), StringComparison.Ordinal);
        Assert.Contains("needs the operation none in the search space, which has skip, conv1x1",
            Assert.Throws<UserError>(() => new InputSelector(DeletionCriterion.Of("loss", Toy.Supernet(), Toy.Images(3), 3, null), 1, ["skip", "conv1x1"], 3).Check()).Message, StringComparison.Ordinal);
    }

    /// <summary>
    /// Why magnitude misleads: of x = m + a and o = m + b, both estimates of m, the mixture with the least error weighs o by Var(a) / (Var(a) + Var(b)), so the
    /// better x is the less o counts, whatever o adds (Wang et al. 2021, proposition 1).
    /// </summary>
    [Theory]
    [InlineData(1, 2)]
    [InlineData(0.5, 0.25)]
    public void TheBestMixtureWeighsAnOperationByTheOthersError(double a, double b)
    {
        var random = new Random(4);
        double Normal() => Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble());
        var (aa, bb, ab) = (0.0, 0.0, 0.0);
        for (var i = 0; i < 500_000; i++)
        {
            var (x, o) = (a * Normal(), b * Normal());
            (aa, bb, ab) = (aa + (x * x), bb + (o * o), ab + (x * o));
        }
        var best = Enumerable.Range(0, 1001).Select(i => i / 1000.0).MinBy(t => (t * t * bb) + ((1 - t) * (1 - t) * aa) + (2 * t * (1 - t) * ab));
        Assert.Equal(a * a / ((a * a) + (b * b)), best, 0.01);
    }

    [Fact]
    public void TheGapIsWhatTheMixtureDoesBetter()
    {
        var model = Toy.Supernet();
        var architecture = Toy.Space.Of(3, 1, 2);
        var gates = model.Gates;
        DiscretizationGap Gap() => DiscretizationGap.Of(model, architecture, Toy.Images(40), Toy.Images(30, seed: 9), 10, null);
        var gap = Gap();
        Assert.NotEqual(0, gap.Loss);
        Assert.Equal((gap.Mixture.Accuracy - gap.Discrete.Accuracy, gap.Discrete.Loss - gap.Mixture.Loss), (gap.Accuracy, gap.Loss));
        Assert.Same(gates, model.Gates);
        // Where the mixture is nearly the architecture there is nearly none.
        using (torch.no_grad())
            model.Alpha.Parameter.copy_(torch.tensor([.. architecture.Genes.ToArray().SelectMany(op => Enumerable.Range(0, 4).Select(i => i == op ? 40f : 0f))], [3, 4]));
        Assert.Equal((0, 0), (Math.Round(Gap().Loss, 5), Gap().Accuracy));
    }

    private static long[] Classes(CellClassifier model, LabeledSequences images)
    {
        using var noGrad = torch.no_grad();
        var ops = new TorchOps();
        var logits = model.Forward(ops.Value(torch.tensor(images.Features, [images.Count, 16, 1])), null, new ForwardContext(ops) { BatchStatistics = BatchStatistics.Unrecorded });
        return TorchOps.TensorOf(logits).argmax(-1, false).data<long>().ToArray();
    }
}
