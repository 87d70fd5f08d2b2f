using OnnxMoe.Artifacts;
using OnnxMoe.Artifacts.Tensors;
using static TorchSharp.torch;

namespace OnnxMoe.Trainer.Ops.Kernels;

/// <summary>Changes of shape that keep every element: views where torch allows it.</summary>
internal static class ShapeKernels
{
    public static void Register(KernelTable table)
    {
        table.Add("Identity", c => c[0].alias(), computes: false);
        table.Add("Reshape", Reshape, computes: false);
        table.Add("Flatten", Flatten, computes: false);
        table.Add("Transpose", Transpose, computes: false);
        table.Add("Squeeze", Squeeze, computes: false);
        table.Add("Unsqueeze", Unsqueeze, computes: false);
        table.Add("Expand", c => c[0].expand(Broadcast(c, c[0].shape, c.Value(1).Integers)), computes: false);
        table.Add("Tile", c => c[0].repeat(c.Value(1).Integers), computes: false);
        table.Add("DepthToSpace", DepthToSpace, computes: false);
        table.Add("SpaceToDepth", SpaceToDepth, computes: false);
        table.AddTyped("Shape", c => [c.Result(HostTensor.Vector(ShapeOf(c)))]);
        table.AddTyped("Size", c => [c.Result(HostTensor.Scalar(c.Value(0).Shape.Aggregate(1L, (a, b) => a * b)))]);
    }

    private static Tensor Reshape(OpCall call)
    {
        var (x, wanted) = (call[0], (long[])(call.Ints(1, "shape") ?? []).Clone());
        if (!call.Attributes.Flag("allowzero"))
        {
            for (var i = 0; i < wanted.Length; i++)
            {
                if (wanted[i] == 0)
                    wanted[i] = i < x.dim() ? x.shape[i] : throw new UserError($"Reshape: the 0 at position {i} copies a dimension that the input does not have.");
            }
        }
        // torch cannot infer a dimension beside one of size zero; ONNX can.
        var unknown = Array.IndexOf(wanted, -1);
        if (unknown >= 0 && x.numel() == 0)
            wanted[unknown] = InferEmpty(x.shape, wanted, unknown);
        return x.reshape(wanted);
    }

    private static long InferEmpty(long[] shape, long[] wanted, int unknown)
    {
        var known = wanted.Where((_, i) => i != unknown).Aggregate(1L, (a, b) => a * b);
        return known == 0 ? 0 : shape.Aggregate(1L, (a, b) => a * b) / known;
    }

    private static Tensor Flatten(OpCall call)
    {
        var x = call[0];
        var axis = call.Attributes.Int("axis", 1);
        var cut = (int)(axis < 0 ? axis + x.dim() : axis);
        return x.reshape(x.shape[..cut].Aggregate(1L, (a, b) => a * b), x.shape[cut..].Aggregate(1L, (a, b) => a * b));
    }

    private static Tensor Transpose(OpCall call)
    {
        var x = call[0];
        var order = call.Attributes.Ints("perm");
        if (order is null)
        {
            order = new long[x.dim()];
            for (var i = 0; i < order.Length; i++)
                order[i] = order.Length - 1 - i;
        }
        return x.permute(order);
    }

    private static Tensor Squeeze(OpCall call)
    {
        var x = call[0];
        var shape = x.shape;
        var axes = call.Ints(1, "axes");
        var dropped = axes is null
            ? [.. Enumerable.Range(0, shape.Length).Where(i => shape[i] == 1)]
            : Array.ConvertAll(axes, axis => call.Axis(axis, shape.Length));
        foreach (var axis in dropped)
        {
            if (shape[axis] != 1)
                throw new UserError($"Squeeze: dimension {axis} of [{string.Join(",", shape)}] is not 1.");
        }
        return x.reshape([.. shape.Where((_, i) => !dropped.Contains(i))]);
    }

    private static Tensor Unsqueeze(OpCall call)
    {
        var x = call[0];
        var axes = call.Ints(1, "axes") ?? throw new UserError("Unsqueeze needs axes.");
        var rank = x.dim() + axes.Length;
        var shape = x.shape.ToList();
        foreach (var axis in axes.Select(a => call.Axis(a, rank)).Order())
            shape.Insert(axis, 1);
        return x.reshape([.. shape]);
    }

    /// <summary>The shape that both broadcast to; Expand's target may also be the smaller one.</summary>
    private static long[] Broadcast(OpCall call, long[] a, long[] b)
    {
        var result = new long[Math.Max(a.Length, b.Length)];
        for (var i = 1; i <= result.Length; i++)
        {
            var (left, right) = (i <= a.Length ? a[^i] : 1, i <= b.Length ? b[^i] : 1);
            if (left != right && left != 1 && right != 1)
                throw new UserError($"{call.Op}: [{string.Join(",", a)}] cannot be broadcast to [{string.Join(",", b)}].");
            result[^i] = left == 1 ? right : left;
        }
        return result;
    }

    private static Tensor DepthToSpace(OpCall call)
    {
        var (x, size) = (call[0], call.Attributes.RequiredInt("blocksize"));
        var (n, c, h, w) = (x.shape[0], x.shape[1], x.shape[2], x.shape[3]);
        var depth = c / (size * size);
        return call.Attributes.Text("mode", "DCR") == "CRD"
            ? x.reshape(n, depth, size, size, h, w).permute(0, 1, 4, 2, 5, 3).reshape(n, depth, h * size, w * size)
            : x.reshape(n, size, size, depth, h, w).permute(0, 3, 4, 1, 5, 2).reshape(n, depth, h * size, w * size);
    }

    private static Tensor SpaceToDepth(OpCall call)
    {
        var (x, size) = (call[0], call.Attributes.RequiredInt("blocksize"));
        var (n, c, h, w) = (x.shape[0], x.shape[1], x.shape[2] / size, x.shape[3] / size);
        return x.reshape(n, c, h, size, w, size).permute(0, 3, 5, 1, 2, 4).reshape(n, c * size * size, h, w);
    }

    /// <summary>The sizes from attribute start to end (opset 15), both clamped to the rank.</summary>
    private static long[] ShapeOf(OpCall call)
    {
        var shape = call.Value(0).Shape;
        return shape[Bound("start", 0)..Math.Max(Bound("start", 0), Bound("end", shape.Length))];

        int Bound(string name, long otherwise)
        {
            var value = call.Attributes.Int(name, otherwise);
            return (int)Math.Clamp(value < 0 ? value + shape.Length : value, 0, shape.Length);
        }
    }
}
