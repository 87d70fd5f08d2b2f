using OnnxMoe.Trainer.Backbones;
using OnnxMoe.Trainer.Training;

namespace OnnxMoe.Experiments.Growing;

/// <summary>The small network that is grown, and its training.</summary>
public static class GrowthSetup
{
    /// <summary>Pixels of a side.</summary>
    public const int Side = 16;

    /// <summary>Images of the training part.</summary>
    public const int Images = 6000;

    private const int BatchSize = 64;

    /// <summary>Steps of a pass over the images.</summary>
    public const int Epoch = (Images + BatchSize - 1) / BatchSize;

    /// <summary>Four convolutions; without coefficients an ordinary network of the whole width.</summary>
    /// <param name="coefficients">Of the new blocks.</param>
    /// <param name="scale">Of their length.</param>
    public static ModelOptions Model(string coefficients, double scale = 1) => new()
    {
        Backbone = ModelOptions.Convolutional,
        Cnn = new() { Channels = [16, 32, 32, 32], Strides = [1, 2, 2, 1], Pools = [], Residual = false },
        Growth = new() { Templates = coefficients.Length == 0 ? 0 : 2, Coefficients = coefficients.Length == 0 ? "orthogonal" : coefficients, Scale = scale },
    };

    /// <param name="steps">In all.</param>
    /// <param name="member">Of each narrow network.</param>
    /// <param name="threads">Of libtorch.</param>
    public static TrainerOptions Training(int steps, int member, int threads) => new()
    {
        Optimizer = "sgd",
        Nesterov = true,
        LearningRate = 0.05,
        FinalLearningRate = 0,
        WarmupSteps = 0,
        WeightDecay = 5e-4,
        BatchSize = BatchSize,
        Steps = steps,
        ClipNorm = 0,
        Threads = threads,
        Keep = "last",
        Growth = new() { MemberSteps = member, LearningRate = 0.005 },
    };
}
