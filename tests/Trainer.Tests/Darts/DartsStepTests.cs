using OnnxMoe.Artifacts;
using OnnxMoe.Trainer.Cells;
using OnnxMoe.Trainer.Darts;
using OnnxMoe.Trainer.Data;
using OnnxMoe.Trainer.Layers;
using OnnxMoe.Trainer.Normalization;
using OnnxMoe.Trainer.Ops;
using TorchSharp;

namespace OnnxMoe.Trainer.Tests.Darts;

public class DartsStepTests
{
    /// <summary>The first step by hand: Adam on the second half's loss at the old weights, then gradient descent on the first half's at the new architecture weights.</summary>
    [Fact]
    public void AStepTrainsTheArchitectureThenTheNetwork()
    {
        var (darts, trainer) = (new DartsOptions { LearningRate = 0.01, WeightDecay = 0.1 }, Toy.Trainer);
        trainer.ClipNorm = 0;
        var (model, reference) = (Toy.Supernet(), Toy.Supernet());
        using var step = Toy.Step(model, darts, trainer);
        step.Run(0);

        reference.Gates = new SoftGates(reference.Alpha);
        var halves = TrainingHalves.Of(Toy.Images(40), 0.5, 5);
        Loss(reference, halves.Choice.Batch(5, 0, 1, 8)).backward();
        float[] old = Toy.Values(reference.Alpha);
        double[] gradient = [.. reference.Alpha.Parameter.grad!.data<float>().ToArray().Zip(old, (g, a) => g + (0.1 * a))];
        float[] moved = [.. old.Zip(gradient, (a, g) => (float)(a - (0.01 * g / (Math.Abs(g) + 1e-8))))];
        Assert.All(moved.Zip(Toy.Values(model.Alpha)), pair => Assert.Equal(pair.First, pair.Second, 1e-5));

        using (torch.no_grad())
            reference.Alpha.Parameter.copy_(model.Alpha.Parameter);
        foreach (var weight in reference.NetworkWeights.Where(weight => weight.IsTrainable))
            weight.Parameter.grad?.zero_();
        Loss(reference, halves.Weights.Batch(5, 0, 0, 8)).backward();
        foreach (var (before, after) in reference.NetworkWeights.Zip(model.NetworkWeights).Where(pair => pair.First.IsTrainable))
        {
            var (start, slope, decay) = (Toy.Values(before), before.Parameter.grad!.data<float>().ToArray(), before.Shape.Length > 1 ? 3e-4 : 0);
            Assert.All(start.Zip(slope, (w, g) => w - (0.05 * (g + (decay * w)))).Zip(Toy.Values(after)), pair => Assert.Equal(pair.First, pair.Second, 1e-5));
        }
    }

    [Fact]
    public void FrozenArchitectureWeightsStay()
    {
        var model = Toy.Supernet();
        var before = Toy.Values(model.Alpha);
        using var step = Toy.Step(model, new() { FrozenAlpha = true });
        for (var i = 0; i < 3; i++)
            step.Run(i);
        Assert.Equal(before, Toy.Values(model.Alpha));
    }

    /// <summary>Neither its old moments nor weight decay move a decided edge's weights.</summary>
    [Fact]
    public void ADecidedRowStays()
    {
        var model = Toy.Supernet();
        using var step = Toy.Step(model, new() { LearningRate = 0.01, WeightDecay = 0.1 });
        for (var i = 0; i < 3; i++)
            step.Run(i);
        ((SoftGates)model.Gates).Decide(1, 3);
        var before = Toy.Values(model.Alpha);
        for (var i = 3; i < 6; i++)
            step.Run(i);
        var after = Toy.Values(model.Alpha);
        Assert.Equal(before[4..8], after[4..8]);
        Assert.All(Enumerable.Range(0, 4).Concat(Enumerable.Range(8, 4)), i => Assert.NotEqual(before[i], after[i]));
    }

    [Fact]
    public void WithEveryEdgeDecidedTheNetworkTrainsOn()
    {
        var model = Toy.Supernet();
        using var step = Toy.Step(model);
        for (var edge = 0; edge < 3; edge++)
            ((SoftGates)model.Gates).Decide(edge, 3);
        var before = Toy.Values(model.Alpha);
        Assert.DoesNotContain("alpha_loss", step.Run(0).Auxiliary.Keys);
        Assert.Equal(before, Toy.Values(model.Alpha));
    }

    [Fact]
    public void TrainingLowersTheLossAndLeavesStatisticsAlone()
    {
        var model = Toy.Supernet();
        var statistics = model.Weights.Where(weight => weight.IsStatistic).Select(Toy.Values).ToArray();
        var trainer = Toy.Trainer;
        (trainer.Steps, trainer.LearningRate) = (40, 0.2);
        using var step = Toy.Step(model, trainer: trainer);
        var losses = Enumerable.Range(0, 40).Select(i => step.Run(i).Loss).ToArray();
        Assert.InRange(losses[^10..].Average() / losses[..10].Average(), 0, 0.8);
        Assert.Equal(statistics, model.Weights.Where(weight => weight.IsStatistic).Select(Toy.Values));
    }

    [Fact]
    public void TheHalvesShareNothing()
    {
        var train = Toy.Images(40);
        var numbered = train with { Labels = [.. Enumerable.Range(0, 40).Select(i => (long)i)] };
        var halves = TrainingHalves.Of(numbered, 0.25, 7);
        Assert.Equal((30, 10), (halves.Weights.Count, halves.Choice.Count));
        Assert.Equal(Enumerable.Range(0, 40).Select(i => (long)i), halves.Weights.Labels.Concat(halves.Choice.Labels).Order());
        Assert.Equal(halves.Choice.Labels, TrainingHalves.Of(numbered, 0.25, 7).Choice.Labels);
        Assert.NotEqual(halves.Choice.Labels, TrainingHalves.Of(numbered, 0.25, 8).Choice.Labels);
        Assert.Contains("leaves nothing of 40 training sequences to train the architecture on", Assert.Throws<UserError>(() => TrainingHalves.Of(train, 0, 1)).Message, StringComparison.Ordinal);
        Assert.Contains("to train the network on", Assert.Throws<UserError>(() => TrainingHalves.Of(train, 1, 1)).Message, StringComparison.Ordinal);
    }

    private static torch.Tensor Loss(CellClassifier model, LabeledSequences batch)
    {
        var ops = new TorchOps(training: true);
        var logits = TorchOps.TensorOf(model.Forward(ops.Value(torch.tensor(batch.Features, [batch.Count, 16, 1])), null, new ForwardContext(ops) { BatchStatistics = BatchStatistics.Unrecorded }));
        return torch.nn.functional.cross_entropy(logits, torch.tensor(batch.Labels));
    }
}
