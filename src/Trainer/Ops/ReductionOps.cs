namespace OnnxMoe.Trainer.Ops;

/// <summary>Reductions, sorting and scans along axes; negative axes count from the end.</summary>
public static class ReductionOps
{
    /// <summary>Sum over <paramref name="axes"/> (opset 13: axes are an input).</summary>
    public static Value ReduceSum(this Value x, long[] axes, bool keepDims = true) =>
        x.Ops.Apply("ReduceSum", [x, x.Ops.Ints(axes)], new() { ["keepdims"] = keepDims ? 1L : 0L })[0];

    public static Value ReduceMean(this Value x, long[] axes, bool keepDims = true) => Reduce(x, "ReduceMean", axes, keepDims);

    public static Value ReduceMax(this Value x, long[] axes, bool keepDims = true) => Reduce(x, "ReduceMax", axes, keepDims);

    public static Value ReduceMin(this Value x, long[] axes, bool keepDims = true) => Reduce(x, "ReduceMin", axes, keepDims);

    public static Value ReduceProd(this Value x, long[] axes, bool keepDims = true) => Reduce(x, "ReduceProd", axes, keepDims);

    public static Value ReduceLogSumExp(this Value x, long[] axes, bool keepDims = true) => Reduce(x, "ReduceLogSumExp", axes, keepDims);

    /// <summary>The k largest along <paramref name="axis"/>, in falling order; of equal values the lower index comes first.</summary>
    public static (Value Values, Value Indices) TopK(this Value x, Value k, long axis = -1, bool largest = true)
    {
        var results = x.Ops.Apply("TopK", [x, k], new() { ["axis"] = axis, ["largest"] = largest ? 1L : 0L }, 2);
        return (results[0], results[1]);
    }

    /// <inheritdoc cref="TopK(Value, Value, long, bool)"/>
    public static (Value Values, Value Indices) TopK(this Value x, long k, long axis = -1) => x.TopK(x.Ops.Ints(k), axis);

    public static Value ArgMax(this Value x, long axis, bool keepDims = true) => Arg(x, "ArgMax", axis, keepDims);

    public static Value ArgMin(this Value x, long axis, bool keepDims = true) => Arg(x, "ArgMin", axis, keepDims);

    public static Value CumSum(this Value x, long axis, bool exclusive = false, bool reverse = false) =>
        x.Ops.Apply("CumSum", [x, x.Ops.Constant(Artifacts.Tensors.HostTensor.Scalar(axis))],
            new() { ["exclusive"] = exclusive ? 1L : 0L, ["reverse"] = reverse ? 1L : 0L })[0];

    private static Value Reduce(Value x, string op, long[] axes, bool keepDims) =>
        x.Ops.Apply(op, [x], new() { ["axes"] = axes, ["keepdims"] = keepDims ? 1L : 0L })[0];

    private static Value Arg(Value x, string op, long axis, bool keepDims) =>
        x.Ops.Apply(op, [x], new() { ["axis"] = axis, ["keepdims"] = keepDims ? 1L : 0L })[0];
}
