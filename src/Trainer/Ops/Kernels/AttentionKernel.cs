using TorchSharp;
using static TorchSharp.torch;

namespace OnnxMoe.Trainer.Ops.Kernels;

/// <summary>
/// Causal attention over whole sequences, without cache and padding mask: the form that training runs, with the fewest passes
/// over memory. Everything else is <see cref="Compositions.CausalAttention"/>, which computes the same.
/// </summary>
internal static class AttentionKernel
{
    /// <summary>Score of a position that must not be seen; see <see cref="CausalMask"/>.</summary>
    private const double Unseen = -1e30;

    public static Value[] Run(OpCall call, int heads, int kvHeads)
    {
        var (query, positions, cos, sin) = (call[0], call[6], call[7], call[8]);
        var (batch, length, size) = (query.shape[0], query.shape[1], 2 * cos.shape[1]);
        var group = heads / kvHeads;
        var rows = positions.reshape(batch * length);
        var cosine = cos.index_select(0, rows).reshape(batch, length, 1, size / 2);
        var sine = sin.index_select(0, rows).reshape(batch, length, 1, size / 2);

        // The scale of the scores goes into the angles of the queries: a pass over [B, S, size / 2] instead of over the scores.
        var scale = (Scalar)(1 / Math.Sqrt(size));
        var q = Rotate(query.reshape(batch, length, heads, 2, size / 2), cosine.mul(scale), sine.mul(scale));
        var k = Rotate(call[1].reshape(batch, length, kvHeads, 2, size / 2), cosine, sine);
        var v = call[2].reshape(batch, length, kvHeads, size).transpose(1, 2);

        // Query heads that share a key head are rows of one product: [B * kvHeads, group * S, size].
        var keys = k.reshape(batch * kvHeads, length, size);
        var values = v.reshape(batch * kvHeads, length, size);
        var bias = full([length, length], (Scalar)Unseen, query.dtype, query.device).triu(1);
        var scores = q.reshape(batch * kvHeads, group * length, size).bmm(keys.transpose(1, 2));
        var probabilities = scores.add_(bias.repeat(group, 1)).softmax(-1);
        var context = probabilities.bmm(values).reshape(batch, heads, length, size).transpose(1, 2).reshape(batch, length, heads * size);
        return [call.Result(context), call.Result(k), call.Result(v)];
    }

    /// <summary>Rotates the two halves of each head and lays the result out by head.</summary>
    /// <param name="x">[B, S, heads, 2, size / 2]</param>
    /// <returns>[B, heads, S, size], contiguous</returns>
    private static Tensor Rotate(Tensor x, Tensor cosine, Tensor sine)
    {
        var (first, second) = (x.select(3, 0), x.select(3, 1));
        var a = first.mul(cosine).addcmul_(second, sine, (Scalar)(-1));
        var b = second.mul(cosine).addcmul_(first, sine, (Scalar)1);
        return cat([a.transpose(1, 2), b.transpose(1, 2)], -1);
    }
}
