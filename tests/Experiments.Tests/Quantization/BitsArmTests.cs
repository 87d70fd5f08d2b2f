using OnnxMoe.Experiments.Quantization;
using OnnxMoe.Experiments.Tests.Support;
using OnnxMoe.Experiments.TinyModels;
using OnnxMoe.Search.Spaces;
using OnnxMoe.Trainer.Data;
using OnnxMoe.Trainer.Quantization;
using OnnxMoe.Trainer.Supernets;

namespace OnnxMoe.Experiments.Tests.Quantization;

public class BitsArmTests
{
    private static readonly TokenDataset Text = Some.Data();

    private static readonly Lazy<TrainedLm> Trained = new(() =>
    {
        var setup = Setup();
        setup.Trainer.Steps = 150;
        var run = new TinyLm(Text).Train(setup, 1);
        var names = new BitSupernet(setup.Model, BitLosses.SpaceOf(setup.Model.Layers), Text.Tokenizer.VocabularySize, 1).Lm.Products.Select(place => place.Name).ToArray();
        return new(run.Model, InputProducts.Of(run.Model, names, [Text.Training.Batch(1, 0, 0, 4, 16)]), run.ValidationLoss);
    });

    private static TinySetup Setup() => Some.Setup(
        model =>
        {
            (model.FirstDenseLayers, model.DenseHidden, model.Quantization.Group, model.Quantization.Adapter.Rank) = (model.Layers, 32, 16, 2);
        },
        trainer => (trainer.Steps, trainer.LearningRate) = (30, 5e-3));

    private static Measurement Run(Func<SearchSpace, long, PathSampler>? paths, params double[] bits)
    {
        var (result, steps) = (new Measurement("arm", 1, ""), 0);
        var arm = new BitsArm("arm", "", Setup(), (_, _) => Trained.Value, paths) { Bits = bits };
        arm.Run(1, Text, result, done => steps = done, default);
        Assert.Equal(paths is null ? 0 : arm.Steps, steps);
        return result;
    }

    [Fact]
    public void FewerBitsLoseMoreAndAdaptersGetSomeOfItBack()
    {
        var (untrained, trained) = (Run(null, 2, 2.5, 4), Run((space, seed) => new BalancedPaths(space, 10, seed), 2, 2.5, 4));
        double Loss(Measurement run, double bits) => run[BitLosses.Measure(bits)];
        Assert.Equal(Trained.Value.Loss, untrained[BitsArm.FullPrecision]);
        Assert.True(Loss(untrained, 2) > Loss(untrained, 4));
        Assert.InRange(Math.Abs(Loss(untrained, 4) - Trained.Value.Loss), 0, Loss(untrained, 2) - Trained.Value.Loss);
        Assert.True(Loss(trained, 2) < Loss(untrained, 2));
        Assert.False(Run(null, 2).Values.ContainsKey(BitLosses.Measure(4)));
    }
}
