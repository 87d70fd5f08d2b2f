using System.Diagnostics;
using OnnxMoe.Artifacts.Manifests;
using OnnxMoe.Search.Spaces;
using OnnxMoe.Trainer.Backbones;
using OnnxMoe.Trainer.Convolutions;
using OnnxMoe.Trainer.Data;
using OnnxMoe.Trainer.Training;

namespace OnnxMoe.Experiments.Pooling;

/// <summary>The small residual networks whose poolings are searched, and their training.</summary>
public static class PoolingSetup
{
    /// <summary>Pixels of a side.</summary>
    public const int Side = 16;

    /// <summary>Images of the training part.</summary>
    public const int Images = 6000;

    /// <summary>Images of a step.</summary>
    public const int BatchSize = 64;

    private const int Blocks = 6, Scales = 3;

    /// <summary>The 10 ways to pool twice among 6 blocks.</summary>
    public static SearchSpace Space { get; } = new("fashion-pooling", [new("pooling", 1, PoolingPath.All(Blocks, Scales))]);

    public static ModelOptions Model => new() { Backbone = ModelOptions.Convolutional, Cnn = new() { Channels = [8, 8, 8, 16, 16, 16] } };

    public static TrainerOptions Training(int steps, int threads) => new()
    {
        Optimizer = "sgd",
        LearningRate = 0.1,
        FinalLearningRate = 0.01,
        WarmupSteps = 0,
        WeightDecay = 0,
        BatchSize = BatchSize,
        Steps = steps,
        ClipNorm = 0,
        Threads = threads,
    };

    public static ClassifierSizes SizesOf(LabeledDataset data) => new(data.Train.Width, data.Train.Length, data.Train.Classes);

    /// <summary>Makes all steps.</summary>
    public static double Run(ITrainingStep step, TrainerOptions options, Action<int> progress, CancellationToken cancel)
    {
        TorchSharp.torch.set_num_threads(options.Threads == 0 ? Environment.ProcessorCount : options.Threads);
        var clock = Stopwatch.StartNew();
        for (var done = 0; done < options.Steps; done++)
        {
            cancel.ThrowIfCancellationRequested();
            step.Run(done);
            progress(done + 1);
        }
        return clock.Elapsed.TotalSeconds;
    }
}
