using OnnxMoe.Artifacts.Manifests;
using OnnxMoe.Artifacts.Tensors;

namespace OnnxMoe.Exporter.Verification;

/// <summary>
/// Collects how far an output of an exported file is from the model's: the largest absolute difference, and that divided by the
/// model's largest absolute number in the same check. Whole numbers, such as expert ids, must be equal.
/// </summary>
/// <param name="name">What the check is called.</param>
/// <param name="rounds">Whether kernels that round what goes into their products made the output: whole numbers may differ then, and the mean difference is wanted.</param>
public sealed class OutputDifference(string name, bool rounds = false)
{
    private double _squares;
    private double _expectedSquares;
    private double _difference;
    private double _scale;

    /// <summary>True when a number of either side was none, or a whole number another.</summary>
    private bool _broken;

    /// <summary>Compares the rows of two tensors.</summary>
    /// <param name="expected">[..., V]</param>
    /// <param name="actual">[..., V]</param>
    /// <param name="mask">Which of the rows count; null: all.</param>
    public void Add(HostTensor expected, HostTensor actual, bool[]? mask = null)
    {
        if (!expected.Shape.SequenceEqual(actual.Shape))
            throw new InvalidOperationException($"An output of shape [{string.Join(',', actual.Shape)}], but the model gives [{string.Join(',', expected.Shape)}].");
        if (expected.Type != ElementType.Float)
        {
            _broken |= !rounds && !expected.Data.AsSpan().SequenceEqual(actual.Data);
            return;
        }
        var a = expected.AsSpan<float>();
        var b = actual.AsSpan<float>();
        var vocabulary = (int)expected.Shape[^1];
        for (var i = 0; i < a.Length; i++)
        {
            if (mask is not null && !mask[i / vocabulary])
                continue;
            var difference = Math.Abs((double)a[i] - b[i]);
            _broken |= !double.IsFinite(difference);
            _difference = Math.Max(_difference, difference);
            _scale = Math.Max(_scale, Math.Abs(a[i]));
            _squares += difference * difference;
            _expectedSquares += (double)a[i] * a[i];
        }
    }

    /// <summary>The result; not-a-number becomes infinity, so that no tolerance lets it pass.</summary>
    public ExportCheck ToCheck() => new(name, _broken ? double.MaxValue : _difference, Relative(_difference, _scale))
    {
        MeanRelative = rounds ? Relative(Math.Sqrt(_squares), Math.Sqrt(_expectedSquares)) : null,
    };

    private double Relative(double difference, double scale) => _broken ? double.MaxValue : difference == 0 ? 0 : difference / scale;
}
