namespace OnnxMoe.Trainer.Ops;

/// <summary>
/// Compositions that some targets have as one operator. They are applied under the domain <c>onnxmoe</c>; a back end either
/// runs or lowers them to something of its own (com.microsoft's GroupQueryAttention, SimplifiedLayerNormalization) or calls
/// <see cref="Compositions"/>, which writes them out in standard ops.
/// </summary>
public static class FusedOps
{
    /// <summary>Root-mean-square normalization of the last dimension: x / sqrt(mean(x^2) + epsilon) * scale (Zhang and Sennrich 2019).</summary>
    public static Value RmsNorm(this Value x, Value scale, float epsilon = 1e-5f) =>
        x.Ops.Apply("RmsNorm", [x, scale], new() { ["epsilon"] = epsilon }, 1, OpSet.MoeDomain)[0];

    /// <summary>
    /// Causal grouped-query attention with rotary embeddings and a KV cache. S new positions attend to P cached ones and to themselves.
    /// </summary>
    /// <param name="query">[B, S, heads * headSize], not yet rotated</param>
    /// <param name="key">[B, S, kvHeads * headSize], not yet rotated</param>
    /// <param name="value">[B, S, kvHeads * headSize]</param>
    /// <param name="pastKey">[B, kvHeads, P, headSize], rotated; null while training</param>
    /// <param name="pastValue">[B, kvHeads, P, headSize]</param>
    /// <param name="mask">[B, P + S] int64, 0 for positions to ignore (left padding); null: none</param>
    /// <param name="positions">[B, S] int64</param>
    /// <param name="cos">[maximum length, headSize / 2], cosines of the rotation angles</param>
    /// <param name="sin">[maximum length, headSize / 2]</param>
    /// <returns>The context [B, S, heads * headSize] and the grown cache [B, kvHeads, P + S, headSize], twice.</returns>
    public static (Value Context, Value PresentKey, Value PresentValue) CausalAttention(this Value query, Value key, Value value,
        Value? pastKey, Value? pastValue, Value? mask, Value positions, Value cos, Value sin, long heads, long kvHeads)
    {
        var results = query.Ops.Apply("CausalAttention", [query, key, value, pastKey, pastValue, mask, positions, cos, sin],
            new() { ["num_heads"] = heads, ["kv_num_heads"] = kvHeads }, 3, OpSet.MoeDomain);
        return (results[0], results[1], results[2]);
    }
}
