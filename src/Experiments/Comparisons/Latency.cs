namespace OnnxMoe.Experiments.Comparisons;

/// <summary>Times of one model in ONNX Runtime, in milliseconds, run by run.</summary>
/// <param name="Prompt">Tokens of the prompt.</param>
/// <param name="Prefill">One pass over the whole prompt.</param>
/// <param name="Decode">One further token behind it.</param>
public sealed record Latency(int Prompt, double[] Prefill, double[] Decode)
{
    /// <summary>The value below which a fraction of the times lies.</summary>
    public static double Quantile(double[] times, double fraction)
    {
        var ordered = times.Order().ToArray();
        var at = fraction * (ordered.Length - 1);
        var below = (int)at;
        var above = Math.Min(below + 1, ordered.Length - 1);
        return ordered[below] + (at - below) * (ordered[above] - ordered[below]);
    }

    /// <summary>The middle one of the times.</summary>
    public static double Median(double[] times) => Quantile(times, 0.5);
}
