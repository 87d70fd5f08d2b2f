using OnnxMoe.Artifacts.Tensors;

namespace OnnxMoe.Trainer.Ops;

/// <summary>The fused ops written out in standard ONNX ops: what back ends without a form of their own run and write.</summary>
public static class Compositions
{
    /// <inheritdoc cref="FusedOps.RmsNorm"/>
    /// <remarks>The form is the one that ONNX Runtime recognizes and runs as a single kernel.</remarks>
    public static Value RmsNorm(Value x, Value scale, float epsilon = 1e-5f) =>
        x / (x.Pow(x.Scalar(2)).ReduceMean([-1]) + epsilon).Sqrt() * scale;

    /// <inheritdoc cref="FusedOps.CausalAttention"/>
    public static Value[] CausalAttention(Value query, Value key, Value value, Value? pastKey, Value? pastValue, Value? mask,
        Value positions, Value cos, Value sin, long heads, long kvHeads)
    {
        var (contexts, _, keys, values) = HeadAttention(query, key, value, pastKey, pastValue, mask, positions, cos, sin, heads, kvHeads);
        return [MergeHeads(contexts), keys, values];
    }

    /// <summary>[B, heads, S, headSize] as [B, S, heads * headSize].</summary>
    public static Value MergeHeads(Value contexts) => contexts.Transpose(0, 2, 1, 3).Reshape(0, 0, -1);

    /// <summary>
    /// The inside of <see cref="CausalAttention"/>, for those who need more than its result: the context of each head
    /// [B, heads, S, headSize], the weights that it was made with [B, heads, S, P + S], and the grown caches.
    /// </summary>
    public static (Value Contexts, Value Weights, Value Keys, Value Values) HeadAttention(Value query, Value key, Value value, Value? pastKey, Value? pastValue,
        Value? mask, Value positions, Value cos, Value sin, long heads, long kvHeads)
    {
        var group = heads / kvHeads;
        var (cosine, sine) = (cos.Gather(positions).Unsqueeze(2), sin.Gather(positions).Unsqueeze(2)); // [B, S, 1, headSize/2]

        // [B, S, heads * headSize] -> [B, S, heads, headSize] -> [B, heads, S, headSize]
        var q = Rotate(query.Reshape(0, 0, heads, -1), cosine, sine).Transpose(0, 2, 1, 3);
        var k = Rotate(key.Reshape(0, 0, kvHeads, -1), cosine, sine).Transpose(0, 2, 1, 3);
        var v = value.Reshape(0, 0, kvHeads, -1).Transpose(0, 2, 1, 3);
        if (pastKey is not null && pastValue is not null)
            (k, v) = (new[] { pastKey, k }.Concat(2), new[] { pastValue, v }.Concat(2));

        // Query heads that share a key head stand below each other, so that keys and values are never copied per head:
        // scores [B, kvHeads, group * S, P + S].
        // Sizes are taken from what all layers share, so that an exported graph computes them and the bias once.
        var batch = positions.Size(0);
        var length = positions.Size(1);
        var total = mask is null ? k.Size(2) : mask.Size(1);
        var grouped = group == 1 ? q : q.Reshape(Join(batch, q.Ops.Ints(kvHeads, -1), cos.Size(-1) * q.Ops.Ints(2)));
        var scale = cos.Size(-1).Cast(q.Type) * 2;
        var scores = (grouped * scale.Sqrt().Reciprocal()).MatMul(k.Transpose(0, 1, 3, 2));
        var bias = CausalMask.Bias(q, length, total, mask);
        if (group > 1)
            scores = scores.Reshape(Join(batch, q.Ops.Ints(kvHeads, group), length, total));
        else
            bias = mask is null ? bias : bias.Squeeze(1);
        var probabilities = (scores + bias).Softmax();
        if (group == 1)
            return (probabilities.MatMul(v), probabilities, k, v);
        var contexts = probabilities.Reshape(Join(batch, q.Ops.Ints(kvHeads, -1), total)).MatMul(v);
        return (contexts.Reshape(Join(batch, q.Ops.Ints(heads), length, cos.Size(-1) * q.Ops.Ints(2))),
            probabilities.Reshape(Join(batch, q.Ops.Ints(heads), length, total)), k, v);
    }

    /// <summary>
    /// The two halves of each head are the two coordinates of a rotation (the "rotate half" convention of GPT-NeoX and Llama; Su et al. 2021).
    /// </summary>
    /// <param name="x">[..., headSize]</param>
    /// <param name="cosine">[..., headSize / 2], of the angle of each position; it may broadcast.</param>
    /// <param name="sine">As <paramref name="cosine"/>.</param>
    public static Value Rotate(Value x, Value cosine, Value sine)
    {
        var halves = x.Ops.Apply("Split", [x], new() { ["axis"] = -1L }, 2);
        var (first, second) = (halves[0], halves[1]);
        return new[] { first * cosine - second * sine, second * cosine + first * sine }.Concat(-1);
    }

    /// <summary>Softmax(query key^T / sqrt(d)) value over the keys that a query may see; a query that may see none gets the mean of all.</summary>
    /// <param name="query">[B, H, S, d]</param>
    /// <param name="key">[B, H, L, d]</param>
    /// <param name="value">[B, H, L, d]</param>
    /// <param name="seen">Bool, broadcast to [B, H, S, L]; null: all.</param>
    /// <returns>[B, H, S, d]</returns>
    public static Value MaskedAttention(Value query, Value key, Value value, Value? seen)
    {
        var scores = (query / query.Size(-1).Cast(query.Type).Sqrt()).MatMul(key.Transpose(0, 1, 3, 2));
        if (seen is not null)
            scores = scores + seen.Where(scores.Scalar(0), scores.Scalar(CausalMask.Unseen));
        return scores.Softmax().MatMul(value);
    }

    private static Value Join(params Value[] sizes) => sizes.Concat(0);
}
