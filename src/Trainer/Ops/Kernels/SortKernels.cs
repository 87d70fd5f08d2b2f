using TorchSharp;
using static TorchSharp.torch;

namespace OnnxMoe.Trainer.Ops.Kernels;

/// <summary>Selection and scans along one axis.</summary>
internal static class SortKernels
{
    public static void Register(KernelTable table)
    {
        table.AddMany("TopK", TopK);
        table.AddTyped("ArgMax", c => [c.Result(Arg(c, largest: true))]);
        table.AddTyped("ArgMin", c => [c.Result(Arg(c, largest: false))]);
        table.Add("CumSum", CumSum);
    }

    /// <summary>Of equal values the lower index comes first, which only a stable sort promises (torch's topk does not).</summary>
    private static Tensor[] TopK(OpCall call)
    {
        var (x, axis) = (call[0], call.Axis(-1));
        var k = call.Ints(1, "k") is { } given ? given[0] : call.Attributes.RequiredInt("k");
        var largest = call.Attributes.Flag("largest", true);
        var (values, indices) = x.sort(axis, largest, true);
        return [values.narrow(axis, 0, k), indices.narrow(axis, 0, k)];
    }

    private static Tensor Arg(OpCall call, bool largest)
    {
        var (x, axis) = (call[0], call.Axis(0));
        if (x.dtype is ScalarType.Float16 or ScalarType.BFloat16)
            x = x.to_type(ScalarType.Float32);
        var keep = call.Attributes.Flag("keepdims", true);
        var last = call.Attributes.Flag("select_last_index");
        var searched = last ? x.flip(axis) : x;
        var index = largest ? searched.argmax(axis, keep) : searched.argmin(axis, keep);
        return last ? index.neg().add((Scalar)(x.shape[axis] - 1)) : index;
    }

    private static Tensor CumSum(OpCall call)
    {
        var x = call[0];
        var axis = call.Axis(call.Value(1).Integers[0], x.dim());
        var reverse = call.Attributes.Flag("reverse");
        var sum = (reverse ? x.flip(axis) : x).cumsum(axis, x.dtype);
        var length = x.shape[axis];
        if (call.Attributes.Flag("exclusive") && length > 0)
            sum = cat([zeros_like(sum.narrow(axis, 0, 1)), sum.narrow(axis, 0, length - 1)], axis);
        return reverse ? sum.flip(axis) : sum;
    }
}
