namespace OnnxMoe.Serving.Generation;

/// <summary>Log probabilities from a model's scores.</summary>
public static class LogProbs
{
    /// <summary>The score of <paramref name="token"/> and of the <paramref name="top"/> most likely tokens.</summary>
    public static TokenScore Of(ReadOnlySpan<float> logits, int token, int top)
    {
        var best = float.NegativeInfinity;
        foreach (var logit in logits)
            best = Math.Max(best, logit);
        var sum = 0.0;
        foreach (var logit in logits)
            sum += Math.Exp(logit - best);
        var norm = best + Math.Log(sum);

        var scores = logits.ToArray();
        var leaders = Enumerable.Range(0, scores.Length).OrderByDescending(id => scores[id]).Take(top);
        return new(token, scores[token] - norm, top == 0 ? [] : [.. leaders.Select(id => (id, scores[id] - norm))]);
    }
}
