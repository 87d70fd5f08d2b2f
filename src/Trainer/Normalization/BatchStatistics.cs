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

    /// <summary>The live parts of stored statistics that a pass uses, with what it found.</summary>
    protected static IEnumerable<(Tensor Stored, Tensor Found)> Parts(Weight stored, Value found)
    {
        var tensor = TorchOps.TensorOf(found).detach();
        var at = 0L;
        foreach (var (start, end) in stored.Part?.Dimensions[0] ?? [(0, tensor.shape[0])])
        {
            yield return (stored.Parameter.narrow(0, start, end - start), tensor.narrow(0, at, end - start));
            at += end - start;
        }
    }
}
