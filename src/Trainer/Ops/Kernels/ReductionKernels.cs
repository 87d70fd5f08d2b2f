using TorchSharp;
using static TorchSharp.torch;

namespace OnnxMoe.Trainer.Ops.Kernels;

/// <summary>Reductions over several axes. The axes are an input (ReduceSum since opset 13, the others since 18) or an attribute.</summary>
internal static class ReductionKernels
{
    public static void Register(KernelTable table)
    {
        Add("ReduceSum", Sum);
        Add("ReduceMean", Mean);
        Add("ReduceMax", (x, axes, keep) => axes.Length == 0 ? x.alias() : x.amax(axes, keep));
        Add("ReduceMin", (x, axes, keep) => axes.Length == 0 ? x.alias() : x.amin(axes, keep));
        Add("ReduceProd", (x, axes, keep) => OneByOne(x, axes, keep, (t, axis) => t.prod(axis, true, x.dtype)));
        Add("ReduceL1", (x, axes, keep) => Sum(x.abs(), axes, keep));
        Add("ReduceL2", (x, axes, keep) => AsFloating(x, t => Sum(t.square(), axes, keep).sqrt()));
        Add("ReduceSumSquare", (x, axes, keep) => Sum(x.square(), axes, keep));
        Add("ReduceLogSum", (x, axes, keep) => AsFloating(x, t => Sum(t, axes, keep).log()));
        Add("ReduceLogSumExp", (x, axes, keep) => AsFloating(x, t => OneByOne(t, axes, keep, (s, axis) => s.logsumexp(axis, true))));

        void Add(string op, Func<Tensor, long[], bool, Tensor> reduce) => table.Add(op, call => Reduce(call, reduce));
    }

    private static Tensor Reduce(OpCall call, Func<Tensor, long[], bool, Tensor> reduce)
    {
        var x = call[0];
        var axes = call.Ints(1, "axes") ?? [];
        if (axes.Length == 0 && !call.Attributes.Flag("noop_with_empty_axes"))
            axes = [.. Enumerable.Range(0, (int)x.dim()).Select(i => (long)i)];
        else
            axes = Array.ConvertAll(axes, axis => (long)call.Axis(axis, x.dim()));
        return reduce(x, axes, call.Attributes.Flag("keepdims", true));
    }

    private static Tensor Sum(Tensor x, long[] axes, bool keep) => axes.Length == 0 ? x.alias() : x.sum(axes, keep, x.dtype);

    private static Tensor Mean(Tensor x, long[] axes, bool keep)
    {
        if (axes.Length == 0)
            return x.alias();
        if (x.is_floating_point())
            return x.mean(axes, keep);
        var count = axes.Aggregate(1L, (product, axis) => product * x.shape[axis]);
        return x.sum(axes, keep, x.dtype).div((Scalar)count, RoundingMode.trunc);
    }

    /// <summary>Reduces with an operator that takes one axis at a time.</summary>
    private static Tensor OneByOne(Tensor x, long[] axes, bool keep, Func<Tensor, long, Tensor> reduce)
    {
        var result = axes.Aggregate(x.alias(), reduce);
        return keep ? result : axes.OrderDescending().Aggregate(result, (t, axis) => t.squeeze(axis));
    }

    private static Tensor AsFloating(Tensor x, Func<Tensor, Tensor> compute) =>
        x.is_floating_point() ? compute(x) : compute(x.to_type(ScalarType.Float64)).to_type(x.dtype);
}
