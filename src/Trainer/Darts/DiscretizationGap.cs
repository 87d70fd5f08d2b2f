using OnnxMoe.Search.Spaces;
using OnnxMoe.Trainer.Cells;
using OnnxMoe.Trainer.Data;
using OnnxMoe.Trainer.Normalization;
using OnnxMoe.Trainer.Training;
using static TorchSharp.torch;

namespace OnnxMoe.Trainer.Darts;

/// <summary>What a supernet loses when each edge runs one operation alone instead of the mixture, with the same weights.</summary>
/// <param name="Mixture">Of all operations, each times its weight.</param>
/// <param name="Discrete">Of one operation an edge.</param>
public sealed record DiscretizationGap(Classification Mixture, Classification Discrete)
{
    private const int CalibrationBatches = 4;

    /// <summary>Accuracy that is lost.</summary>
    public double Accuracy => Mixture.Accuracy - Discrete.Accuracy;

    /// <summary>Loss that comes on top, nats.</summary>
    public double Loss => Discrete.Loss - Mixture.Loss;

    /// <summary>Measures both with statistics estimated for each on a few batches of training data.</summary>
    /// <param name="model">The supernet; its gates are as before afterwards, its stored statistics are not.</param>
    /// <param name="architecture">What is left.</param>
    /// <param name="training">For the statistics.</param>
    /// <param name="data">To measure on.</param>
    /// <param name="batchSize">Sequences at a time.</param>
    /// <param name="device">Where the model is; null for the CPU.</param>
    public static DiscretizationGap Of(CellClassifier model, Architecture architecture, LabeledSequences training, LabeledSequences data, int batchSize, Device? device)
    {
        var before = model.Gates;
        Classification Measure(CellGates gates)
        {
            model.Gates = gates;
            EstimatedStatistics.Run(model, training.Batches(batchSize).Take(CalibrationBatches), device);
            return new ClassifierEvaluator(model, batchSize, device).Run(data);
        }
        var gap = new DiscretizationGap(Measure(new SoftGates(model.Alpha)), Measure(new OneHotGates(architecture)));
        model.Gates = before;
        return gap;
    }
}
