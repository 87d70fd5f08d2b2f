using OnnxMoe.Artifacts;
using OnnxMoe.Artifacts.Manifests;
using OnnxMoe.Trainer.Backbones;
using OnnxMoe.Trainer.Branches;
using OnnxMoe.Trainer.Data;
using OnnxMoe.Trainer.Layers;
using OnnxMoe.Trainer.Normalization;
using OnnxMoe.Trainer.Ops;
using OnnxMoe.Trainer.Tickets;
using OnnxMoe.Trainer.Training;
using TorchSharp;

namespace OnnxMoe.Trainer.Tests.Tickets;

public class TicketTests
{
    private static readonly ClassifierSizes Sizes = new(1, 16, 3);

    private static TicketClassifier Make(long seed = 1, params int[] hidden) => new(
        new ModelOptions { Backbone = ModelOptions.BranchNetwork, Branches = new() { Width = 4, Blocks = 2, Kernels = [1, 3], Hidden = hidden.Length == 0 ? [5] : hidden } }, Sizes, new LayerScope(seed));

    private static LabeledSequences Images(int count)
    {
        var random = new Random(7);
        return new([.. Enumerable.Range(0, count * 16).Select(_ => random.NextSingle())], [.. Enumerable.Range(0, count).Select(i => (long)(i % 3))], 16, 1, 3);
    }

    private static float[] Logits(Classifier model, BatchStatistics? statistics = null)
    {
        using var noGrad = torch.no_grad();
        var ops = new TorchOps();
        return Some.Floats(model.Forward(ops.Value(torch.tensor(Images(6).Features, [6, 16, 1])), null, new ForwardContext(ops) { BatchStatistics = statistics }));
    }

    private static float[] Values(Weight weight) => weight.Parameter.detach().data<float>().ToArray();

    private static void Kill(TicketClassifier model, int branch, params int[] channels)
    {
        using var noGrad = torch.no_grad();
        var killed = model.Network.Branches.ElementAt(branch).Branch;
        foreach (var channel in channels)
        {
            killed.Importance.Parameter[channel] = torch.tensor(0f);
            model.Weights.Single(weight => weight.Name == killed.Importance.Name.Replace("weight", "bias", StringComparison.Ordinal)).Parameter[channel] = torch.tensor(0f);
        }
        for (var i = 0; i < 2000; i++)
            model.TrackImportance(0.9);
    }

    [Fact]
    public void DeadChannelsAreLeftOutWithoutAnyDifference()
    {
        var model = Make();
        EstimatedStatistics.Run(model, [Images(12)]);
        Kill(model, 1, 0, 3);
        Kill(model, 2, 0, 1, 2, 3, 4);
        var (stored, batch) = (Logits(model), Logits(model, BatchStatistics.Unrecorded));
        Assert.Equal(7, model.Shrink(1e-3, reactivate: true));
        Assert.Equal((13, 20), model.Channels);
        Assert.Equal([5, 3, 0, 5], model.Network.AliveHidden);
        Assert.All(Logits(model).Zip(stored), pair => Assert.Equal(pair.Second, pair.First, 1e-5));
        Assert.All(Logits(model, BatchStatistics.Unrecorded).Zip(batch), pair => Assert.Equal(pair.Second, pair.First, 1e-4));
        Assert.Equal(0, model.Shrink(1e-3, reactivate: true));
    }

    [Fact]
    public void AChannelIsDeadByItsPresentAndItsRunningImportance()
    {
        var model = Make();
        using (torch.no_grad())
            model.Network.Branches.First().Branch.Importance.Parameter[2] = torch.tensor(0f);
        Assert.Equal(0, model.Shrink(1e-3, reactivate: true)); // it has just become 0
        for (var i = 0; i < 100; i++)
            model.TrackImportance(0.9);
        Assert.Equal(1, model.Shrink(1e-3, reactivate: true));
    }

    [Theory]
    [InlineData(0.5)]
    [InlineData(0.61)]
    [InlineData(0)]
    public void TheShareOfZerosIsExactAndPruningAgainChangesNothing(double ratio)
    {
        var model = Make();
        Kill(model, 0, 1, 2);
        model.Shrink(1e-3, reactivate: true);
        double[] Magnitude(int weight, float[] values) => [.. values.Select(value => (double)Math.Abs(value))];
        var (pruned, all) = Pruner.Prune(model.Matrices, ratio, Magnitude);
        Assert.Equal(model.Matrices.Sum(weight => weight.UsedCount), all);
        Assert.Equal((long)Math.Floor(ratio * all), pruned);
        var ops = new TorchOps();
        Assert.Equal(pruned, model.Matrices.Sum(weight => Some.Floats(ops.Weight(weight)).Count(value => value == 0)));
        var masks = model.Matrices.Select(weight => Values(((MaskedWeight)weight.Mixture!).Mask)).ToArray();
        Pruner.Prune(model.Matrices, ratio, Magnitude);
        Assert.Equal(masks, model.Matrices.Select(weight => Values(((MaskedWeight)weight.Mixture!).Mask)));
    }

    /// <summary>A pruned weight keeps its value, gets no gradient, and comes back when it is large enough.</summary>
    [Fact]
    public void PrunedWeightsCompeteAgain()
    {
        var model = Make();
        double[] Magnitude(int weight, float[] values) => [.. values.Select(value => (double)Math.Abs(value))];
        Pruner.Prune(model.Matrices, 0.5, Magnitude);
        var stem = model.Matrices[0];
        var mask = ((MaskedWeight)stem.Mixture!).Mask;
        var gone = Array.IndexOf(Values(mask), 0f);
        Assert.NotEqual(0, Values(stem)[gone]);
        var ops = new TorchOps(training: true);
        TorchOps.TensorOf(model.Forward(ops.Value(torch.tensor(Images(4).Features, [4, 16, 1])), null, new ForwardContext(ops) { BatchStatistics = BatchStatistics.Unrecorded })).square().sum().backward();
        Assert.Equal(0, stem.Parameter.grad!.data<float>().ToArray()[gone]);
        using (torch.no_grad())
            stem.Parameter.view(-1)[gone] = torch.tensor(100f);
        Pruner.Prune(model.Matrices, 0.5, Magnitude);
        Assert.Equal(1, Values(mask)[gone]);
    }

    [Fact]
    public void ALayerKeepsItsBestWeight()
    {
        var model = Make();
        using (torch.no_grad())
            model.Matrices[^1].Parameter.mul_(1e-6);
        Pruner.Prune(model.Matrices, 0.9, (_, values) => [.. values.Select(value => (double)Math.Abs(value))]);
        Assert.Equal(1, Values(((MaskedWeight)model.Matrices[^1].Mixture!).Mask).Sum());
    }

    [Fact]
    public void CostsAreRelativeToTheirMean()
    {
        var model = Make();
        var ops = new TorchOps();
        var norm = Some.Floats(model.ImportanceNorm(ops))[0];
        // With all importances equal the costs of channels, over their mean, add up to the number of channels.
        Assert.Equal(20 * 0.5, norm, 1e-4);
        var branches = model.Network.Branches.ToArray();
        Assert.Equal(2.0 * 9 / ((2 * 1) + 0.0), (branches[1].Branch.FlopsPerChannel(4) - (4.0 * 4 * 16)) / (branches[0].Branch.FlopsPerChannel(4) - (4.0 * 4 * 16)), 1e-9);
    }

    [Fact]
    public void TheMaterializedNetworkIsTheTicket()
    {
        var model = Make();
        Kill(model, 1, 0, 3);
        Kill(model, 2, 0, 1, 2, 3, 4);
        Kill(model, 3, 4);
        model.Shrink(1e-3, reactivate: true);
        Pruner.Prune(model.Matrices, 0.6, (_, values) => [.. values.Select(value => (double)Math.Abs(value))]);
        EstimatedStatistics.Run(model, [Images(12)]);
        var (ordinary, options) = model.Materialize();
        Assert.Equal([5, 3, 0, 4], options.Branches.Hidden);
        Assert.All(Logits(model).Zip(Logits(ordinary)), pair => Assert.Equal(pair.First, pair.Second, 1e-5));
        var zeros = ordinary.Weights.Where(weight => weight.Shape.Length > 1).Sum(weight => Values(weight).Count(value => value == 0));
        Assert.Equal((long)Math.Floor(0.6 * model.Matrices.Sum(weight => weight.UsedCount)), zeros);
        Assert.Equal(model.CostOfToken(new(1)).Sum(cost => cost.Flops), ordinary.CostOfToken(new(1)).Sum(cost => cost.Flops));
    }

    [Fact]
    public void TheScheduleIsTheOneThatWasAskedFor()
    {
        var schedule = new TicketSchedule(new() { Importance = 0.4, ImportanceWarmup = 0.5, Sparsity = 0.35, PruneEvery = 10, PruneStep = 0.1, ShrinkEvery = 20 }, 100);
        Assert.Equal([0, 0.2, 0.4, 0.4], new[] { 0, 25, 50, 99 }.Select(schedule.ImportanceAt));
        Assert.Equal([null, 0.1, 0.2, 0.35, 0.35], new[] { 5, 10, 20, 40, 100 }.Select(schedule.PrunesTo));
        Assert.Equal([20, 40, 60, 80, 100], Enumerable.Range(1, 100).Where(schedule.Shrinks));
        schedule.Check();
        Assert.Contains("reaches 20% of 90%", Assert.Throws<UserError>(() => new TicketSchedule(new() { Sparsity = 0.9, PruneEvery = 40 }, 100).Check()).Message.Replace(" %", "%", StringComparison.Ordinal), StringComparison.Ordinal);
        Assert.Contains("leaves none of Trainer:Steps 10", Assert.Throws<UserError>(() => new TicketSchedule(new() { RetrainSteps = 10 }, 10).Check()).Message, StringComparison.Ordinal);
        Assert.Contains("The share of weights to prune is 1", Assert.Throws<UserError>(() => Pruner.Prune([], 1, (_, _) => [])).Message, StringComparison.Ordinal);
        Assert.Contains("Model:Branches:Hidden has 3 numbers", Assert.Throws<UserError>(() => Make(1, 1, 2, 3)).Message, StringComparison.Ordinal);
    }

    /// <summary>Networks that lose different numbers of channels are equally large in the end where lost weights count as pruned.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void WeightsThatWentWithTheirChannelsMayCountAsPruned(bool countLost)
    {
        var tickets = new TicketOptions { Importance = 1e-6, Sparsity = 0.5, PruneEvery = 1, PruneStep = 0.5, ShrinkEvery = 1, DeadImportance = 0.05, CountLost = countLost };
        long Left(params int[] dead)
        {
            var model = Make();
            Kill(model, 1, dead);
            using var step = new TicketStep(model, tickets, Images(20), new() { Steps = 1, BatchSize = 6, LearningRate = 1e-3, WarmupSteps = 0 }, 5, null);
            step.Run(0);
            Assert.Equal(20 - dead.Length, model.Channels.Alive);
            var ops = new TorchOps();
            return model.Matrices.Sum(weight => Some.Floats(ops.Weight(weight)).LongCount(value => value != 0));
        }
        var (whole, smaller) = (Left(), Left(0, 2, 3));
        Assert.Equal(0.5 * Make().Matrices.Sum(weight => weight.Parameter.numel()), whole, 1.0);
        if (countLost)
            Assert.InRange(smaller, whole - 1, whole + 1);
        else
            Assert.True(smaller < whole - 2);
    }

    [Fact]
    public void ARestoredRunGoesOnAsItWould()
    {
        var tickets = new TicketOptions { Importance = 1e-6, ImportanceWarmup = 0, Sparsity = 0.5, PruneEvery = 4, ShrinkEvery = 4, PruneStep = 0.2, DeadImportance = 0.3 };
        var options = new TrainerOptions { Steps = 12, BatchSize = 6, LearningRate = 0.05, WarmupSteps = 0, WeightDecay = 0 };
        TicketClassifier[] models = [Make(), Make()];
        TicketStep[] steps = [.. models.Select(model => new TicketStep(model, tickets, Images(20), options, 5, null))];
        Kill(models[0], 0, 1, 3);
        Kill(models[0], 3, 0);
        for (var i = 0; i < 9; i++)
            steps[0].Run(i);
        Assert.InRange(models[0].Channels.Alive, 1, 19);
        using (torch.no_grad())
        {
            foreach (var (from, to) in models[0].Weights.Zip(models[1].Weights))
                to.Parameter.copy_(from.Parameter);
            foreach (var (from, to) in steps[0].Moments().Zip(steps[1].Moments()))
                to.Moment.copy_(from.Moment);
        }
        steps[1].SetSteps(9);
        for (var i = 9; i < 12; i++)
            Assert.Equal(steps[0].Run(i).Loss, steps[1].Run(i).Loss);
        Assert.Equal(models[0].Weights.Select(Values), models[1].Weights.Select(Values));
        foreach (var step in steps)
            step.Dispose();
    }
}
