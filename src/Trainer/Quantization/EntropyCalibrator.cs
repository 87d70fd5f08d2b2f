namespace OnnxMoe.Trainer.Quantization;

/// <summary>
/// Clips at the absolute value at which the distribution changes least when it is cut off there and rounded to 128 levels: the smallest Kullback-Leibler
/// divergence over a histogram of 2048 bins (Migacz 2017, 8-bit Inference with TensorRT).
/// </summary>
public sealed class EntropyCalibrator : RangeCalibrator
{
    /// <summary>Bins of the histogram of absolute values.</summary>
    public const int Bins = 2048;

    private const int Levels = 128;

    /// <summary>Every so manieth bin is tried as the last one.</summary>
    private const int Stride = 16;

    private readonly double[] _counts = new double[Bins];
    private float _extent;

    public override (float Least, float Most) Range
    {
        get
        {
            var last = Enumerable.Range(0, (Bins - Levels) / Stride + 1).Select(i => Levels + (i * Stride)).MinBy(Divergence);
            var threshold = _extent * last / Bins;
            return (Math.Max(Least, -threshold), Math.Min(Most, threshold));
        }
    }

    protected override void Count(ReadOnlySpan<float> examples)
    {
        var largest = Math.Max(-Least, Most);
        if (largest == 0)
            return;
        _extent = _extent == 0 ? largest : _extent;
        for (; _extent < largest; _extent *= 2) // twice as wide bins: two become one
        {
            for (var bin = 0; bin < Bins; bin++)
                _counts[bin] = bin < Bins / 2 ? _counts[2 * bin] + _counts[(2 * bin) + 1] : 0;
        }
        foreach (var x in examples)
            if (x != 0) // 0 is represented exactly whatever the range
                _counts[Math.Min((int)(Math.Abs(x) / _extent * Bins), Bins - 1)]++;
    }

    /// <summary>Of the counts cut off behind so many bins, what lies behind added to the last one, from the same in <see cref="Levels"/> steps.</summary>
    private double Divergence(int bins)
    {
        var behind = _counts.AsSpan(bins..);
        var outside = 0.0;
        foreach (var count in behind)
            outside += count;
        var (total, kept) = (outside, 0.0);
        foreach (var count in _counts.AsSpan(..bins))
            (total, kept) = (total + count, kept + count);
        if (kept == 0)
            return double.PositiveInfinity;
        var divergence = 0.0;
        for (var level = 0; level < Levels; level++)
        {
            var (first, end) = (level * bins / Levels, (level + 1) * bins / Levels);
            var (sum, used) = (0.0, 0);
            for (var bin = first; bin < end; bin++)
                (sum, used) = (sum + _counts[bin], used + (_counts[bin] > 0 || (bin == bins - 1 && outside > 0) ? 1 : 0));
            for (var bin = first; bin < end; bin++)
            {
                var p = (_counts[bin] + (bin == bins - 1 ? outside : 0)) / total;
                if (p == 0)
                    continue;
                var q = Math.Max(sum / used / kept, 1e-4 / total);
                divergence += p * Math.Log(p / q);
            }
        }
        return divergence;
    }
}
