using System.Numerics.Tensors;

namespace OnnxMoe.Serving.Generation;

/// <summary>
/// What a model's scores weigh as probabilities, relative to the best token: e^((score - best) / temperature), from 0 to 1. Weights below 2^-64 count as 0: no
/// draw would ever meet them.
/// </summary>
internal static class TokenWeights
{
    // A weight's bucket is its exponent and the first bits of its mantissa: weights of one bucket differ by a thirty-second at most.
    private const int MantissaBits = 5;
    private const int Shift = 52 - MantissaBits;
    private const int Smallest = 64; // as a negative power of two
    private const int Buckets = (Smallest << MantissaBits) + 2; // of 1 alone, of 64 times 32 ranges below, of 0

    /// <summary>The weights of all tokens.</summary>
    /// <param name="scores">The model's.</param>
    /// <param name="temperature">Above 0.</param>
    /// <param name="weights">As many, to be written.</param>
    public static void Write(ReadOnlySpan<float> scores, double temperature, Span<double> weights)
    {
        TensorPrimitives.ConvertChecked(scores, weights);
        TensorPrimitives.Subtract(weights, TensorPrimitives.Max(scores), weights);
        TensorPrimitives.Divide(weights, temperature, weights);
        TensorPrimitives.Exp<double>(weights, weights);
        KeepFrom(weights, Math.ScaleB(1, -Smallest));
    }

    /// <summary>Keeps the <paramref name="count"/> largest, of equal ones the first; the others become 0.</summary>
    public static void KeepLargest(Span<double> weights, int count) => Keep(weights, count, counts: true);

    /// <summary>Keeps those that are not below <paramref name="least"/>; the others become 0. One is the best token's.</summary>
    public static void KeepFrom(Span<double> weights, double least)
    {
        foreach (ref var weight in weights)
            weight = weight < least ? 0 : weight;
    }

    /// <summary>Keeps the fewest of the largest that sum up to a fraction of all, one at least; the others become 0 (nucleus sampling, Holtzman et al. 2020).</summary>
    public static void KeepNucleus(Span<double> weights, double fraction) => Keep(weights, fraction * TensorPrimitives.Sum<double>(weights), counts: false);

    /// <summary>Keeps the largest until they are <paramref name="enough"/>, counted or summed up. In time linear in their number: only those of one bucket are sorted.</summary>
    private static void Keep(Span<double> weights, double enough, bool counts)
    {
        var sizes = new double[Buckets];
        foreach (var weight in weights)
            sizes[BucketOf(weight)] += counts ? 1 : weight;
        var last = 0;
        for (; last < Buckets - 1 && enough > sizes[last]; last++)
            enough -= sizes[last];
        var undecided = new List<(double Weight, int Token)>();
        for (var token = 0; token < weights.Length; token++)
        {
            var bucket = BucketOf(weights[token]);
            if (bucket == last && weights[token] != 0)
                undecided.Add((weights[token], token));
            else if (bucket > last)
                weights[token] = 0;
        }
        undecided.Sort((a, b) => b.Weight.CompareTo(a.Weight) is not 0 and var order ? order : a.Token.CompareTo(b.Token));
        foreach (var (i, (weight, token)) in undecided.Index())
        {
            if (i > 0 && enough <= 0)
                weights[token] = 0;
            enough -= counts ? 1 : weight;
        }
    }

    private static int BucketOf(double weight) =>
        (int)Math.Clamp((BitConverter.DoubleToInt64Bits(1) >> Shift) - (BitConverter.DoubleToInt64Bits(weight) >> Shift), 0, Buckets - 1);
}
