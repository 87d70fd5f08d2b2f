using Onnx;
using OnnxMoe.Artifacts.Tensors;
using OnnxMoe.Exporter.Graph;
using OnnxMoe.Trainer.Layers;
using OnnxMoe.Trainer.Ops;

namespace OnnxMoe.Exporter.Functions;

/// <summary>The body of <see cref="MoeOps.GroupedFfn"/>, or of its form on codes, in standard ops, for one variant.</summary>
internal static class GroupedFfnFunction
{
    public static FunctionProto Build(string name, FfnVariant variant)
    {
        var ops = OnnxOps.ForFunction();
        var (x, indices, weights) = (ops.Input("x", ElementType.Float), ops.Input("indices", ElementType.Int64), ops.Input("weights", ElementType.Float));
        var (up, down) = (new MatrixInput(ops, "up", variant.Form), new MatrixInput(ops, "down", variant.Form));
        var gate = variant.Gated ? new MatrixInput(ops, "gate", variant.Form) : null;
        Value? Bias(string bias, bool present) => present ? ops.Input(bias, ElementType.Float) : null;
        var (upBias, downBias, gateBias) = (Bias("up_bias", variant.UpBias), Bias("down_bias", variant.DownBias), Bias("gate_bias", variant.GateBias));

        var zeros = x.Scalar(0).Expand(x.Shape()); // [T, D]
        var result = ExpertLoop.Run(ops, indices, zeros, (body, expert, sum) =>
        {
            Value Linear(Value rows, MatrixInput stack, Value? bias)
            {
                var product = rows.MatMul(stack.For(rows, body, expert));
                return bias is null ? product : product + body.Use(bias).Gather(expert);
            }

            var picked = body.Use(indices).Equal(expert); // [T, K]
            // A token that picks the expert twice meets it once, with both weights.
            var share = picked.Where(body.Use(weights), sum.Scalar(0)).ReduceSum([1]); // [T, 1]
            var tokens = picked.Cast(ElementType.Int32).ReduceMax([1], keepDims: false).NonZero().Squeeze(0); // [N]
            var rows = body.Use(x).Gather(tokens); // [N, D]
            var hidden = Linear(rows, up, upBias);
            hidden = gate is null
                ? FeedForward.Activate(hidden, variant.Activation)
                : FeedForward.Activate(Linear(rows, gate, gateBias), variant.Activation) * hidden; // [N, F]
            var outputs = Linear(hidden, down, downBias) * share.Gather(tokens); // [N, D]
            return sum.ScatterND(tokens.Unsqueeze(1), outputs, "add");
        });

        string[] inputs = ["x", "indices", "weights", .. new[] { "up", "down", "gate" }.SelectMany(stack => MatrixInput.Names(stack, variant.Form)), "up_bias", "down_bias", "gate_bias"];
        var count = inputs.Length - (variant.GateBias ? 0 : variant.DownBias ? 1 : variant.UpBias ? 2 : variant.Gated ? 3 : 3 + MatrixInput.Names("gate", variant.Form).Length);
        var function = FunctionLibrary.Declare(name, $"y[t] = sum over k of weights[t,k] * FFN of expert indices[t,k] at x[t]; -1 is no expert; {variant.Activation}",
            inputs[..count], ["y"], ["activation"]);
        return FunctionBody.Finish(function, ops, [result]);
    }
}
