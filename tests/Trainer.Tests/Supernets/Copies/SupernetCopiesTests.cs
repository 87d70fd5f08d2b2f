using OnnxMoe.Artifacts;
using OnnxMoe.Artifacts.Manifests;
using OnnxMoe.Search.Spaces;
using OnnxMoe.Trainer.Convolutions;
using OnnxMoe.Trainer.Data;
using OnnxMoe.Trainer.Layers;
using OnnxMoe.Trainer.Ops;
using OnnxMoe.Trainer.Supernets.Copies;
using OnnxMoe.Trainer.Training;
using TorchSharp;

namespace OnnxMoe.Trainer.Tests.Supernets.Copies;

public class SupernetCopiesTests
{
    private static readonly SearchSpace Space = new("paths", [new("pooling", 1, ["1-2", "2-1"])]);
    private static readonly TrainerOptions Options = new() { Optimizer = "sgd", Steps = 12, BatchSize = 8, LearningRate = 0.05, WarmupSteps = 0 };

    private static SupernetCopies Make(int count) =>
        new(new LayerScope(1), count, scope => new CnnClassifier(new() { Cnn = new() { Channels = [2, 2, 3], Pools = [1] } }, Space, new ClassifierSizes(1, 16, 3), scope));

    private static LabeledSequences Images()
    {
        var random = new Random(3);
        return new([.. Enumerable.Range(0, 40 * 16).Select(_ => random.NextSingle())], [.. Enumerable.Range(0, 40).Select(i => (long)(i % 3))], 16, 1, 3);
    }

    private static float[] Values(IEnumerable<Weight> weights) => [.. weights.SelectMany(weight => weight.Parameter.detach().data<float>().ToArray())];

    [Fact]
    public void AStepTrainsOneSupernetAlone()
    {
        var model = Make(2);
        Assert.NotEqual(Values(model.WeightsOf(0)), Values(model.WeightsOf(1)));
        using var step = new CopiesStep(model, new() { Count = 2, Epochs = 3 }, Images(), Options, 5, null);
        var trained = new float[4];
        for (var i = 0; i < 12; i++)
        {
            float[][] before = [Values(model.WeightsOf(0)), Values(model.WeightsOf(1))];
            step.Run(i);
            var now = model.Trained.Parameter.data<float>().ToArray();
            var changed = Enumerable.Range(0, 4).Single(pair => now[pair] != trained[pair]);
            Assert.Equal(trained[changed] + 1, now[changed]);
            trained = now;
            Assert.Equal(before[1 - (changed % 2)], Values(model.WeightsOf(1 - (changed % 2))));
            Assert.NotEqual(before[changed % 2], Values(model.WeightsOf(changed % 2)));
        }
    }

    [Fact]
    public void ARestoredRunGoesOnAsItWould()
    {
        SupernetCopies[] models = [Make(2), Make(2)];
        CopiesStep[] steps = [.. models.Select(model => new CopiesStep(model, new() { Count = 2, Epochs = 3 }, Images(), Options, 5, null))];
        for (var i = 0; i < 6; i++)
            steps[0].Run(i); // the middle of an epoch
        using (torch.no_grad())
        {
            foreach (var (from, to) in models[0].Weights.Zip(models[1].Weights))
                to.Parameter.copy_(from.Parameter);
            foreach (var (from, to) in steps[0].Moments().Zip(steps[1].Moments()))
                to.Moment.copy_(from.Moment);
        }
        steps[1].SetSteps(6);
        for (var i = 6; i < 12; i++)
            Assert.Equal(steps[0].Run(i).Loss, steps[1].Run(i).Loss);
        Assert.Equal(Values(models[0].Weights), Values(models[1].Weights));
        foreach (var step in steps)
            step.Dispose();
    }

    [Fact]
    public void MoreSupernetsThanArchitecturesAreRefused() =>
        Assert.Contains("Supernet:Copies:Count is 3, but the search space 'paths' has 2 architectures", Assert.Throws<UserError>(() => Make(3)).Message, StringComparison.Ordinal);
}
