using OnnxMoe.Artifacts.Manifests;
using OnnxMoe.Artifacts.Tensors;

namespace OnnxMoe.Exporter.Verification;

/// <summary>
/// Collects how far the logits of an exported file are from the model's: the largest absolute difference, and that divided by the
/// largest absolute logit of the model in the same check.
/// </summary>
public sealed class LogitDifference(string name)
{
    private double _difference;
    private double _scale;

    /// <summary>True when a logit of either side was not a number.</summary>
    private bool _broken;

    /// <summary>Compares the positions of two logit tensors.</summary>
    /// <param name="expected">[B, S, V]</param>
    /// <param name="actual">[B, S, V]</param>
    /// <param name="mask">Which of the B * S positions count; null: all.</param>
    public void Add(HostTensor expected, HostTensor actual, bool[]? mask = null)
    {
        if (!expected.Shape.SequenceEqual(actual.Shape))
            throw new InvalidOperationException($"Logits of shape [{string.Join(',', actual.Shape)}], but the model gives [{string.Join(',', expected.Shape)}].");
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
        }
    }

    /// <summary>The result; not-a-number becomes infinity, so that no tolerance lets it pass.</summary>
    public ExportCheck ToCheck() => _broken
        ? new(name, double.MaxValue, double.MaxValue)
        : new(name, _difference, _difference == 0 ? 0 : _difference / _scale);
}
