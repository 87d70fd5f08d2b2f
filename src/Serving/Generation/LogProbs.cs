using System.Numerics.Tensors;

namespace OnnxMoe.Serving.Generation;

/// <summary>Log probabilities from a model's scores.</summary>
public static class LogProbs
{
    /// <summary>The score of <paramref name="token"/> and of the <paramref name="top"/> most likely tokens.</summary>
    public static TokenScore Of(ReadOnlySpan<float> logits, int token, int top)
    {
        var weights = new double[logits.Length];
        TokenWeights.Write(logits, 1, weights);
        var norm = TensorPrimitives.Max(logits) + Math.Log(TensorPrimitives.Sum<double>(weights));

        var scores = logits.ToArray();
        var leaders = Enumerable.Range(0, scores.Length).OrderByDescending(id => scores[id]).Take(top);
        return new(token, scores[token] - norm, top == 0 ? [] : [.. leaders.Select(id => (id, scores[id] - norm))]);
    }
}
