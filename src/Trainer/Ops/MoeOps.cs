namespace OnnxMoe.Trainer.Ops;

/// <summary>
/// The ops of the domain <c>onnxmoe</c>. The exporter writes each as a model-local function whose body is standard ONNX
/// (see <see cref="FusedOps"/> for those that are only ever lowered), so that a file runs with and without the native kernels.
/// </summary>
public static class MoeOps
{
    /// <summary>
    /// The routed feed-forward: y[t] = sum over k of weights[t,k] * FFN of expert indices[t,k] applied to x[t], with
    /// FFN(x) = act(x up + upBias) down + downBias, or gated: (act(x gate + gateBias) * (x up + upBias)) down + downBias.
    /// An index of -1 adds nothing, repeated indices add up, weights may be negative.
    /// </summary>
    /// <param name="x">[T, D]</param>
    /// <param name="indices">[T, K] int64, -1..E-1</param>
    /// <param name="weights">[T, K]</param>
    /// <param name="up">[E, D, F]</param>
    /// <param name="down">[E, F, D]</param>
    /// <param name="gate">[E, D, F] or null: not gated</param>
    /// <param name="activation">"relu", "gelu" (exact), "silu" or "identity"</param>
    /// <param name="upBias">[E, F]</param>
    /// <param name="downBias">[E, D]</param>
    /// <param name="gateBias">[E, F]</param>
    /// <returns>[T, D]</returns>
    public static Value GroupedFfn(this Value x, Value indices, Value weights, Value up, Value down, Value? gate = null,
        string activation = "silu", Value? upBias = null, Value? downBias = null, Value? gateBias = null) =>
        x.Ops.Apply("GroupedFfn", Trim([x, indices, weights, up, down, gate, upBias, downBias, gateBias]),
            new() { ["activation"] = activation }, 1, OpSet.MoeDomain)[0];

    /// <summary>
    /// The routed linear map: row (t,k) of the result is x[t] (or x[t,k]) times the matrix of expert indices[t,k], plus its bias; zero for
    /// the index -1. With <paramref name="weights"/> the K rows of a token are weighted and summed.
    /// </summary>
    /// <param name="x">[T, D], or [T, K, D]: a row for every pick</param>
    /// <param name="indices">[T, K] int64, -1..E-1</param>
    /// <param name="matrix">[E, D, F]</param>
    /// <param name="bias">[E, F]</param>
    /// <param name="weights">[T, K], or null: not combined</param>
    /// <param name="perPick">True when x is [T, K, D].</param>
    /// <returns>[T, F] with weights, else [T, K, F]</returns>
    public static Value GroupedLinear(this Value x, Value indices, Value matrix, Value? bias = null, Value? weights = null, bool perPick = false) =>
        x.Ops.Apply("GroupedLinear", Trim([x, indices, matrix, bias, weights]),
            new() { ["per_pick"] = perPick ? 1L : 0L }, 1, OpSet.MoeDomain)[0];

    private static Value?[] Trim(Value?[] inputs)
    {
        var count = inputs.Length;
        while (inputs[count - 1] is null)
            count--;
        return inputs[..count];
    }
}
