using System.Buffers;
using System.Numerics.Tensors;

namespace OnnxMoe.Serving.Generation;

/// <summary>
/// Chooses tokens for one sequence. The choice depends on the scores, the settings, the sequence's own tokens and the number of
/// tokens so far, and on nothing else, so a seed gives the same text whatever else the server does.
/// </summary>
public sealed class Sampler(SamplingSettings settings, IReadOnlyList<int> prompt, int endOfText)
{
    private readonly Dictionary<int, int> _output = []; // token -> times generated
    private readonly HashSet<int> _prompt = settings.RepetitionPenalty == 1 ? [] : [.. prompt];
    private int _count;

    /// <summary>Chooses the next token.</summary>
    /// <param name="logits">The model's scores, one a token id; left unchanged.</param>
    public int Next(ReadOnlySpan<float> logits)
    {
        var rented = ArrayPool<float>.Shared.Rent(logits.Length);
        var scores = rented.AsSpan(0, logits.Length);
        logits.CopyTo(scores);
        Adjust(scores);
        var token = settings.Temperature == 0 ? Best(scores) : Draw(scores);
        ArrayPool<float>.Shared.Return(rented);
        _output[token] = _output.GetValueOrDefault(token) + 1;
        _count++;
        return token;
    }

    private void Adjust(Span<float> scores)
    {
        foreach (var (token, bias) in settings.LogitBias)
            scores[token] += bias;
        if (settings.RepetitionPenalty != 1)
            foreach (var token in _prompt.Union(_output.Keys))
                scores[token] = (float)(scores[token] > 0 ? scores[token] / settings.RepetitionPenalty : scores[token] * settings.RepetitionPenalty);
        if (settings.PresencePenalty != 0 || settings.FrequencyPenalty != 0)
            foreach (var (token, times) in _output)
                scores[token] -= (float)(settings.PresencePenalty + settings.FrequencyPenalty * times);
        if (_count < settings.MinTokens)
            scores[endOfText] = float.NegativeInfinity;
    }

    /// <summary>The index of the largest score; of equal ones the first.</summary>
    private static int Best(ReadOnlySpan<float> scores) => TensorPrimitives.IndexOfMax(scores);

    private int Draw(ReadOnlySpan<float> scores)
    {
        var rented = ArrayPool<double>.Shared.Rent(scores.Length);
        var weights = rented.AsSpan(0, scores.Length);
        TokenWeights.Write(scores, settings.Temperature, weights);
        if (settings.TopK > 0 && settings.TopK < weights.Length)
            TokenWeights.KeepLargest(weights, settings.TopK);
        if (settings.MinP > 0)
            TokenWeights.KeepFrom(weights, settings.MinP);
        if (settings.TopP < 1)
            TokenWeights.KeepNucleus(weights, settings.TopP);
        var token = Place(weights);
        ArrayPool<double>.Shared.Return(rented);
        return token;
    }

    /// <summary>A place, drawn with probabilities proportional to the weights.</summary>
    private int Place(ReadOnlySpan<double> weights)
    {
        var target = Uniform() * TensorPrimitives.Sum(weights);
        var last = 0; // rounding may leave a rest: it belongs to the last place that can be drawn at all
        for (var i = 0; i < weights.Length; i++)
        {
            if (weights[i] == 0)
                continue;
            last = i;
            target -= weights[i];
            if (target < 0)
                break;
        }
        return last;
    }

    /// <summary>The number in [0, 1) that belongs to the seed and this place (SplitMix64, Steele et al. 2014).</summary>
    private double Uniform()
    {
        var z = settings.Seed + 0x9E3779B97F4A7C15UL * ((ulong)_count + 1);
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9UL;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EBUL;
        return ((z ^ (z >> 31)) >> 11) * (1.0 / (1UL << 53));
    }
}
