using OnnxMoe.Artifacts.Manifests;
using OnnxMoe.Search.Spaces;
using OnnxMoe.Trainer.Backbones;
using OnnxMoe.Trainer.Cells;
using OnnxMoe.Trainer.Darts;
using OnnxMoe.Trainer.Data;
using OnnxMoe.Trainer.Ops;
using OnnxMoe.Trainer.Training;

namespace OnnxMoe.Trainer.Tests.Darts;

/// <summary>A supernet of cells of three nodes on noisy images of 4x4 pixels, each class of its own brightness.</summary>
internal static class Toy
{
    public static readonly ClassifierSizes Sizes = new(1, 16, 3);
    public static readonly SearchSpace Space = new("cells", [new("op", 3, ["none", "skip", "avgpool", "conv3x3"])]);

    public static ModelOptions Model => new() { Backbone = ModelOptions.CellNetwork, Cells = new() { Channels = 3, Nodes = 3, Stages = 1 } };

    public static TrainerOptions Trainer => new() { Steps = 20, BatchSize = 8, Optimizer = "sgd", LearningRate = 0.05, WarmupSteps = 0, WeightDecay = 3e-4, ClipNorm = 5 };

    public static CellClassifier Supernet() => new(Model, Space, Sizes, seed: 1);

    public static LabeledSequences Images(int count, int seed = 3)
    {
        var random = new Random(seed);
        return new([.. Enumerable.Range(0, count * 16).Select(i => random.NextSingle() + (i / 16 % 3 * 0.5f))], [.. Enumerable.Range(0, count).Select(i => (long)(i % 3))], 16, 1, 3);
    }

    /// <summary>A training step of a supernet whose gates become soft.</summary>
    public static DartsStep Step(CellClassifier model, DartsOptions? darts = null, TrainerOptions? trainer = null, Func<CellClassifier, SelfDistillation?>? distillation = null)
    {
        var (options, rates, gates) = (darts ?? new(), trainer ?? Trainer, new SoftGates(model.Alpha));
        model.Gates = gates;
        return new(model, TrainingHalves.Of(Images(40), options.AlphaShare, 5), new WeightOptimizer(model.NetworkWeights, rates),
            options.FrozenAlpha ? null : new AlphaOptimizer(model.Alpha, gates, options), rates, 5, null)
        {
            Distillation = distillation?.Invoke(model),
        };
    }

    public static float[] Values(Weight weight) => weight.Parameter.detach().data<float>().ToArray();

    /// <summary>All weights and statistics, one after the other.</summary>
    public static float[] State(Model model) => [.. model.Weights.SelectMany(Values)];
}
