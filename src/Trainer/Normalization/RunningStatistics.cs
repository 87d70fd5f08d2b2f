using OnnxMoe.Trainer.Ops;
using static TorchSharp.torch;

namespace OnnxMoe.Trainer.Normalization;

/// <summary>Moves the stored statistics a tenth of the way to each batch's, as training does.</summary>
public sealed class RunningStatistics : BatchStatistics
{
    private const double Rate = 0.1;

    public override void Observe(BatchNorm norm, Value mean, Value variance)
    {
        using var noGrad = no_grad();
        foreach (var (stored, found) in Parts(norm.Mean, mean).Concat(Parts(norm.Variance, variance)))
            stored.mul_(1 - Rate).add_(found, alpha: Rate);
    }
}
