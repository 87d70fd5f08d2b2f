using OnnxMoe.Search.Spaces;
using OnnxMoe.Trainer.Backbones;
using OnnxMoe.Trainer.Cells;
using OnnxMoe.Trainer.Data;
using OnnxMoe.Trainer.Normalization;
using OnnxMoe.Trainer.Supernets;
using OnnxMoe.Trainer.Training;

namespace OnnxMoe.Experiments.Searches;

/// <summary>
/// Networks of two equal cells of 3 edges with 4 operations each, for 500 of the 8x8 digits: 64, few enough to train every one by itself, so that a supernet's ranking can be
/// compared with the true one.
/// </summary>
public static class DigitCells
{
    private const int Images = 500;

    /// <summary>Steps that draw as many images as there are.</summary>
    public const int StepsPerEpoch = 8;

    /// <summary>Of a supernet.</summary>
    public const int Epochs = 40;

    /// <summary>Of a network by itself.</summary>
    public const int OwnEpochs = 15;

    public static SearchSpace Space { get; } = new("digits-64-cells", [new("op", 3, ["skip", "avgpool", "conv1x1", "conv3x3"])]);

    /// <summary>What an experiment says of it.</summary>
    public static string Description =>
        $"Networks of two equal cells (3 nodes, 3 edges; 8 channels at 8x8 pixels, then 16 at 4x4) whose edges are skip, avgpool, conv1x1 or conv3x3: {Space.Size} architectures. Each is trained by itself with every seed, {OwnEpochs} epochs of {Images} training "
        + $"images; its accuracy on the 599 images that are not trained on, averaged over the seeds, is the truth. A supernet is trained {Epochs * StepsPerEpoch} steps of 64 images with each seed (stochastic gradient descent, 0.05 falling by a "
        + "cosine, momentum 0.9), then every architecture is scored by its loss on the 299 validation images with the supernet's weights and the statistics of these images.";

    /// <summary>The images that are trained on and the others.</summary>
    public static LabeledDataset Of(LabeledDataset pixels) => pixels with { Train = pixels.Train.Take([.. Enumerable.Range(0, Images)]) };

    /// <summary>The form of the supernet, or of one network.</summary>
    public static ModelOptions Model(Architecture? architecture = null) => new()
    {
        Backbone = ModelOptions.CellNetwork,
        Cells = new() { Channels = 8, Stages = 2, CellsPerStage = 1, Nodes = 3, Genotype = architecture is null ? [] : CellClassifier.GenotypeOf(architecture) },
    };

    public static TrainerOptions Training(int steps, int threads) => new()
    {
        Steps = steps,
        BatchSize = 64,
        Optimizer = "sgd",
        LearningRate = 0.05,
        FinalLearningRate = 0,
        WarmupSteps = 0,
        WeightDecay = 2.5e-4,
        ClipNorm = 5,
        Threads = threads,
    };

    /// <summary>Loss of every architecture of a supernet on all images at once, in the order of the space.</summary>
    public static double[] Losses(ISupernet supernet, LabeledSequences images)
    {
        var evaluator = new ClassifierEvaluator((Classifier)supernet.Model, images.Count, null) { Statistics = BatchStatistics.Unrecorded };
        return [.. Space.All().Select(architecture =>
        {
            supernet.Active = architecture;
            return evaluator.Run(images).Loss;
        })];
    }
}
