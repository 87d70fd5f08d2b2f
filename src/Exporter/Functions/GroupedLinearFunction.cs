using Onnx;
using OnnxMoe.Artifacts.Tensors;
using OnnxMoe.Exporter.Graph;
using OnnxMoe.Trainer.Ops;

namespace OnnxMoe.Exporter.Functions;

/// <summary>The body of <see cref="MoeOps.GroupedLinear"/>, or of its form on codes, in standard ops, for one variant.</summary>
internal static class GroupedLinearFunction
{
    public static FunctionProto Build(string name, LinearVariant variant)
    {
        var ops = OnnxOps.ForFunction();
        var x = ops.Input("x", ElementType.Float);
        var indices = ops.Input("indices", ElementType.Int64);
        var matrix = new MatrixInput(ops, "matrix", variant.Form);
        var bias = variant.Bias ? ops.Input("bias", ElementType.Float) : null;
        var weights = variant.Combined ? ops.Input("weights", ElementType.Float) : null;

        var zeros = x.Scalar(0).Expand(new[] { indices.Shape(), matrix.Width }.Concat(0)); // [T, K, F]
        var result = ExpertLoop.Run(ops, indices, zeros, (body, expert, sum) =>
        {
            var picks = body.Use(indices).Equal(expert).NonZero(); // [2, N]: tokens and slots
            var places = picks.Transpose(1, 0); // [N, 2]
            var rows = variant.PerPick ? body.Use(x).GatherND(places) : body.Use(x).Gather(picks.Gather(picks.Scalar(0))); // [N, D]
            var outputs = rows.MatMul(matrix.For(rows, body, expert)); // [N, F]
            if (bias is not null)
                outputs += body.Use(bias).Gather(expert);
            return sum.ScatterND(places, outputs);
        });
        if (weights is not null)
            result = (result * weights.Unsqueeze(2)).ReduceSum([1], keepDims: false); // [T, F]

        string[] inputs = ["x", "indices", .. MatrixInput.Names("matrix", variant.Form), "bias", "weights"];
        var count = inputs.Length - (weights is not null ? 0 : bias is not null ? 1 : 2);
        var function = FunctionLibrary.Declare(name, "y[t,k] = x[t] times the matrix of expert indices[t,k]; zero for -1; with weights the rows of a token are summed",
            inputs[..count], ["y"], ["per_pick"]);
        return FunctionBody.Finish(function, ops, [result]);
    }
}
