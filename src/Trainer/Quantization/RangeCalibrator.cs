namespace OnnxMoe.Trainer.Quantization;

/// <summary>Finds from examples the range of numbers that an activation's codes are to cover.</summary>
public abstract class RangeCalibrator
{
    /// <summary>Takes examples.</summary>
    /// <exception cref="ArgumentException">One of them is not finite.</exception>
    public void Observe(ReadOnlySpan<float> examples)
    {
        foreach (var x in examples)
        {
            if (!float.IsFinite(x))
                throw new ArgumentException($"An activation is {x}, which cannot be quantized.");
            (Least, Most) = (Math.Min(Least, x), Math.Max(Most, x));
        }
        Count(examples);
    }

    /// <summary>The smallest number seen, or 0.</summary>
    protected float Least { get; private set; }

    /// <summary>The largest number seen, or 0.</summary>
    protected float Most { get; private set; }

    /// <summary>The range that the codes cover; what is outside of it is clipped.</summary>
    public abstract (float Least, float Most) Range { get; }

    /// <exception cref="ArgumentException">There is no such calibrator.</exception>
    public static RangeCalibrator Of(string method) => method switch
    {
        "minmax" => new MinMaxCalibrator(),
        "entropy" => new EntropyCalibrator(),
        _ => throw new ArgumentException($"There is no calibrator '{method}'."),
    };

    /// <summary>Called with each portion, after <see cref="Least"/> and <see cref="Most"/> know it.</summary>
    protected virtual void Count(ReadOnlySpan<float> examples)
    {
    }
}
