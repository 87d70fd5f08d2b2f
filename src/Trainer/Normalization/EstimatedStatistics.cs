using OnnxMoe.Trainer.Backbones;
using OnnxMoe.Trainer.Data;
using OnnxMoe.Trainer.Layers;
using OnnxMoe.Trainer.Ops;
using static TorchSharp.torch;

namespace OnnxMoe.Trainer.Normalization;

/// <summary>
/// Stored statistics anew, as the means over some batches: those of a supernet are of no single architecture until they are estimated for it (Yu and Huang 2019,
/// arXiv 1903.05134).
/// </summary>
public sealed class EstimatedStatistics : BatchStatistics
{
    private readonly Dictionary<BatchNorm, int> _seen = [];

    /// <summary>Estimates those of all normalizations that the model uses.</summary>
    /// <param name="model">Runs as it is set.</param>
    /// <param name="batches">Training data, a pass each.</param>
    /// <param name="device">Where the model is; null for the CPU.</param>
    public static void Run(Classifier model, IEnumerable<LabeledSequences> batches, Device? device = null)
    {
        using var noGrad = no_grad();
        var (ops, statistics) = (new TorchOps(training: false, device), new EstimatedStatistics());
        foreach (var batch in batches)
        {
            using var scope = NewDisposeScope();
            model.Forward(ops.Value(tensor(batch.Features, [batch.Count, batch.Length, batch.Width], device: device)), null, new ForwardContext(ops) { BatchStatistics = statistics });
        }
    }

    public override void Observe(BatchNorm norm, Value mean, Value variance)
    {
        using var noGrad = no_grad();
        var count = _seen[norm] = _seen.GetValueOrDefault(norm) + 1;
        foreach (var (stored, found) in Parts(norm.Mean, mean).Concat(Parts(norm.Variance, variance)))
            stored.mul_((count - 1.0) / count).add_(found, alpha: 1.0 / count);
    }
}
