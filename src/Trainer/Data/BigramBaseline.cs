using System.Runtime.InteropServices;

namespace OnnxMoe.Trainer.Data;

/// <summary>
/// What a language model must beat: the next token's probability from the token before it alone, as counted in the training
/// text. Interpolated with the single tokens' frequencies by Witten and Bell's rule (1991), which has no parameter to tune:
/// p(w|v) = (c(v,w) + n(v) p(w)) / (c(v) + n(v)), where n(v) counts the different followers of v; p(w) is smoothed by adding 1.
/// </summary>
public sealed class BigramBaseline
{
    private readonly Dictionary<(int, int), int> _pairs = [];
    private readonly long[] _contexts;
    private readonly long[] _followers;
    private readonly double[] _single;

    /// <param name="tokens">The training text.</param>
    /// <param name="vocabularySize">Number of token ids.</param>
    public BigramBaseline(ReadOnlySpan<int> tokens, int vocabularySize)
    {
        (_contexts, _followers) = (new long[vocabularySize], new long[vocabularySize]);
        var counts = new long[vocabularySize];
        foreach (var token in tokens)
            counts[token]++;
        for (var i = 1; i < tokens.Length; i++)
        {
            _contexts[tokens[i - 1]]++;
            if (CollectionsMarshal.GetValueRefOrAddDefault(_pairs, (tokens[i - 1], tokens[i]), out _)++ == 0)
                _followers[tokens[i - 1]]++;
        }
        var total = (double)(tokens.Length + vocabularySize);
        _single = Array.ConvertAll(counts, count => (count + 1) / total);
    }

    /// <summary>The probability that <paramref name="next"/> follows <paramref name="previous"/>; over all next tokens it sums to 1.</summary>
    public double Probability(int previous, int next)
    {
        if (_contexts[previous] == 0)
            return _single[next];
        var pairs = _pairs.GetValueOrDefault((previous, next));
        return (pairs + _followers[previous] * _single[next]) / (_contexts[previous] + _followers[previous]);
    }

    /// <summary>Mean negative log-likelihood, in nats, of all tokens but the first.</summary>
    public double NatsPerToken(ReadOnlySpan<int> tokens)
    {
        var sum = 0.0;
        for (var i = 1; i < tokens.Length; i++)
            sum -= Math.Log(Probability(tokens[i - 1], tokens[i]));
        return sum / Math.Max(1, tokens.Length - 1);
    }
}
