using OnnxMoe.Trainer.Ops;

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
}
