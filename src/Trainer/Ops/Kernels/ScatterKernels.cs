using OnnxMoe.Artifacts;
using TorchSharp;
using static TorchSharp.torch;

namespace OnnxMoe.Trainer.Ops.Kernels;

/// <summary>Writing at computed positions into a copy of the input. Differentiable in the input and in the updates.</summary>
internal static class ScatterKernels
{
    public static void Register(KernelTable table)
    {
        table.Add("ScatterElements", ScatterElements);
        table.Add("Scatter", ScatterElements);
        table.Add("ScatterND", ScatterND);
    }

    private static Tensor ScatterElements(OpCall call)
    {
        var (x, axis) = (call[0], call.Axis(0));
        return Scatter(call, x, axis, GatherKernels.Positive(call.Value(1), x.shape[axis]), call[2]);
    }

    /// <summary>The updates are rows: whole slices behind the addressed dimensions.</summary>
    private static Tensor ScatterND(OpCall call)
    {
        var (x, tuples) = (call[0], call[1]);
        var depth = (int)tuples.shape[^1];
        var rows = LinearIndices.Of(x.shape, tuples).reshape(-1, 1);
        var width = x.shape[depth..].Aggregate(1L, (a, b) => a * b);
        if (x.numel() == 0 || tuples.numel() == 0 && depth > 0)
            return x.clone();
        var flat = Scatter(call, x.reshape(-1, width), 0, rows.expand(rows.shape[0], width), call[2].reshape(-1, width));
        return flat.reshape(x.shape);
    }

    private static Tensor Scatter(OpCall call, Tensor x, int axis, Tensor index, Tensor updates) =>
        call.Attributes.Text("reduction", "none") switch
        {
            _ when index.numel() == 0 => x.clone(),
            "none" => x.scatter(axis, index, updates),
            "add" => x.scatter_add(axis, index, updates),
            "mul" => OneByOne(x, axis, index, updates, (a, b) => a.mul(b)),
            "max" => OneByOne(x, axis, index, updates, (a, b) => a.maximum(b)),
            "min" => OneByOne(x, axis, index, updates, (a, b) => a.minimum(b)),
            var other => throw new UserError($"{call.Op}: unknown reduction '{other}' (none, add, mul, max or min)."),
        };

    /// <summary>One slice of updates after another: within a slice no two updates meet, so that repeated indices all count.</summary>
    private static Tensor OneByOne(Tensor x, int axis, Tensor index, Tensor updates, Func<Tensor, Tensor, Tensor> combine)
    {
        var result = x;
        for (var i = 0L; i < index.shape[axis]; i++)
        {
            var at = index.narrow(axis, i, 1);
            result = result.scatter(axis, at, combine(result.gather(axis, at), updates.narrow(axis, i, 1)));
        }
        return result;
    }
}
