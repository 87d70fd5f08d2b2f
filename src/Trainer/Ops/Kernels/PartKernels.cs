using OnnxMoe.Artifacts;
using TorchSharp;
using static TorchSharp.torch;

namespace OnnxMoe.Trainer.Ops.Kernels;

/// <summary>Joining, cutting and padding.</summary>
internal static class PartKernels
{
    public static void Register(KernelTable table)
    {
        table.Add("Concat", Concat, computes: false);
        table.AddMany("Split", Split, computes: false);
        table.Add("Slice", Slice, computes: false);
        table.Add("Pad", Pad, computes: false);
        table.Add("Trilu", Trilu, computes: false);
    }

    private static Tensor Concat(OpCall call)
    {
        var parts = Array.ConvertAll(call.Inputs, input => input!.Tensor);
        return cat(parts, call.Axis(1));
    }

    /// <summary>Sizes are an input (opset 13), an attribute (before), or equal; since opset 18 the last of equal parts may be smaller.</summary>
    private static Tensor[] Split(OpCall call)
    {
        var (x, axis) = (call[0], call.Axis(0));
        var sizes = call.Ints(1, "split");
        if (sizes is null)
        {
            var (length, parts) = (x.shape[axis], call.Attributes.Int("num_outputs", call.Outputs));
            var size = (length + parts - 1) / parts;
            sizes = [.. Enumerable.Range(0, (int)parts).Select(i => Math.Clamp(length - i * size, 0, size))];
        }
        return x.split(sizes, axis);
    }

    private static Tensor Slice(OpCall call)
    {
        var x = call[0];
        var starts = call.Ints(1, "starts") ?? throw new UserError("Slice needs starts.");
        var ends = call.Ints(2, "ends") ?? throw new UserError("Slice needs ends.");
        var axes = call.Ints(3, "axes");
        var steps = call.Optional(4)?.Integers;
        var result = x;
        for (var i = 0; i < starts.Length; i++)
        {
            var axis = call.Axis(axes?[i] ?? i, x.dim());
            result = SliceAxis(result, axis, starts[i], ends[i], steps?[i] ?? 1);
        }
        return ReferenceEquals(result, x) ? x.alias() : result;
    }

    private static Tensor SliceAxis(Tensor x, int axis, long start, long end, long step)
    {
        var size = x.shape[axis];
        if (start < 0)
            start += size;
        if (end < 0 && end >= -size)
            end += size;
        if (step > 0)
        {
            start = Math.Clamp(start, 0, size);
            return x.slice(axis, start, Math.Max(start, Math.Clamp(end, 0, size)), step);
        }
        // torch has no negative steps: turn the axis round and count from its other end.
        if (size == 0)
            return x.alias();
        start = Math.Clamp(start, 0, size - 1);
        end = Math.Clamp(end, -1, size - 1);
        return x.flip(axis).slice(axis, size - 1 - start, Math.Max(size - 1 - start, size - 1 - end), -step);
    }

    private static Tensor Pad(OpCall call)
    {
        var x = call[0];
        var pads = call.Ints(1, "pads") ?? throw new UserError("Pad needs pads.");
        var axes = call.Optional(3)?.Integers ?? [.. Enumerable.Range(0, (int)x.dim()).Select(i => (long)i)];
        var result = x;
        var mode = call.Attributes.Text("mode", "constant");
        for (var i = 0; i < axes.Length; i++)
        {
            var (axis, before, after) = (call.Axis(axes[i], x.dim()), pads[i], pads[i + axes.Length]);
            if (before != 0 || after != 0)
                result = mode == "constant" ? PadConstant(call, result, axis, before, after) : PadCopies(call, result, axis, before, after, mode);
        }
        return ReferenceEquals(result, x) ? x.alias() : result;
    }

    private static Tensor PadConstant(OpCall call, Tensor x, int axis, long before, long after)
    {
        var value = call.Optional(2) is { } given
            ? given.Tensor.to_type(ScalarType.Float64).item<double>()
            : call.Attributes.Float("value", 0);
        var pads = new long[2 * (x.dim() - axis)];
        (pads[^2], pads[^1]) = (before, after);
        return nn.functional.pad(x, pads, PaddingModes.Constant, value);
    }

    private static Tensor PadCopies(OpCall call, Tensor x, int axis, long before, long after, string mode)
    {
        var size = x.shape[axis];
        var sources = new long[Math.Max(0, size + before + after)];
        for (var i = 0; i < sources.Length; i++)
            sources[i] = Source(i - before);
        return x.index_select(axis, tensor(sources, device: x.device));

        long Source(long position) => mode switch
        {
            "edge" => Math.Clamp(position, 0, size - 1),
            "wrap" => (position % size + size) % size,
            "reflect" when size == 1 => 0,
            "reflect" => size - 1 - Math.Abs(size - 1 - ((position % (2 * size - 2)) + 2 * size - 2) % (2 * size - 2)),
            _ => throw new UserError($"{call.Op}: unknown mode '{mode}' (constant, reflect, edge or wrap)."),
        };
    }

    private static Tensor Trilu(OpCall call)
    {
        var diagonal = call.Optional(1)?.Integers[0] ?? 0;
        return call.Attributes.Flag("upper", true) ? call[0].triu(diagonal) : call[0].tril(diagonal);
    }
}
