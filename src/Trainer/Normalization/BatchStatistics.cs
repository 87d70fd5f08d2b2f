using OnnxMoe.Trainer.Ops;
using static TorchSharp.torch;

namespace OnnxMoe.Trainer.Normalization;

/// <summary>Asks the normalizations of a pass to use the statistics of their batch, and sees these.</summary>
public class BatchStatistics
{
    /// <summary>Looks at no statistics: a pass leaves no trace.</summary>
    public static BatchStatistics Unrecorded { get; } = new();

    /// <summary>Called by each normalization.</summary>
    /// <param name="norm">Which one.</param>
    /// <param name="mean">[used channels]</param>
    /// <param name="variance">[used channels], of the population.</param>
    public virtual void Observe(BatchNorm norm, Value mean, Value variance)
    {
    }

    /// <summary>The live part of stored statistics that a pass uses.</summary>
    protected static Tensor PartOf(Weight stored, long used) => stored.Parameter.narrow(0, stored.Part?.Dimensions[0][0].Start ?? 0, used);
}
