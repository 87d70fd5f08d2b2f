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
        var scores = logits.ToArray();
        Adjust(scores);
        var token = settings.Temperature == 0 ? Best(scores) : Draw(scores);
        _output[token] = _output.GetValueOrDefault(token) + 1;
        _count++;
        return token;
    }

    private void Adjust(float[] scores)
    {
        foreach (var (token, bias) in settings.LogitBias)
            scores[token] += bias;
        if (settings.RepetitionPenalty != 1)
            foreach (var token in _prompt.Union(_output.Keys))
                scores[token] = (float)(scores[token] > 0 ? scores[token] / settings.RepetitionPenalty : scores[token] * settings.RepetitionPenalty);
        foreach (var (token, times) in _output)
            scores[token] -= (float)(settings.PresencePenalty + settings.FrequencyPenalty * times);
        if (_count < settings.MinTokens)
            scores[endOfText] = float.NegativeInfinity;
    }

    /// <summary>The index of the largest score; of equal ones the first.</summary>
    private static int Best(float[] scores) => Array.IndexOf(scores, scores.Max());

    private int Draw(float[] scores)
    {
        var best = scores.Max();
        var weights = Array.ConvertAll(scores, score => Math.Exp((score - best) / settings.Temperature)); // relative to the best token's
        if (settings is { TopK: 0, TopP: >= 1, MinP: 0 })
            return Draw(weights);

        var order = Enumerable.Range(0, weights.Length).ToArray();
        Array.Sort(Array.ConvertAll(weights, weight => -weight), order);
        var descending = Array.ConvertAll(order, token => weights[token]);
        var kept = settings.TopK > 0 ? Math.Min(settings.TopK, order.Length) : order.Length;
        if (settings.MinP > 0 && Array.FindIndex(descending, 0, kept, weight => weight < settings.MinP) is >= 0 and var cut)
            kept = cut;
        return order[Draw(descending.AsSpan(0, Nucleus(descending.AsSpan(0, kept))))];
    }

    /// <summary>A place, drawn with probabilities proportional to the weights.</summary>
    private int Draw(ReadOnlySpan<double> weights)
    {
        var target = Uniform() * Sum(weights);
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

    /// <summary>How many of the descending weights reach the fraction TopP of their sum; at least one.</summary>
    private int Nucleus(ReadOnlySpan<double> weights)
    {
        if (settings.TopP >= 1)
            return weights.Length;
        var missing = settings.TopP * Sum(weights);
        for (var i = 0; i < weights.Length; i++)
        {
            missing -= weights[i];
            if (missing <= 0)
                return i + 1;
        }
        return weights.Length;
    }

    private static double Sum(ReadOnlySpan<double> values)
    {
        var sum = 0.0;
        foreach (var value in values)
            sum += value;
        return sum;
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
