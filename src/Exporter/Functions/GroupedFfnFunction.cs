using Onnx;
using OnnxMoe.Artifacts.Tensors;
using OnnxMoe.Exporter.Graph;
using OnnxMoe.Trainer.Layers;
using OnnxMoe.Trainer.Ops;

namespace OnnxMoe.Exporter.Functions;

/// <summary>The body of <see cref="MoeOps.GroupedFfn"/> in standard ops, for one variant.</summary>
internal static class GroupedFfnFunction
{
    private static readonly string[] InputNames = ["x", "indices", "weights", "up", "down", "gate", "up_bias", "down_bias", "gate_bias"];

    public static FunctionProto Build(string name, FfnVariant variant)
    {
        var ops = OnnxOps.ForFunction();
        var present = new[] { true, true, true, true, true, variant.Gated, variant.UpBias, variant.DownBias, variant.GateBias };
        var inputs = new Value?[InputNames.Length];
        for (var i = 0; i < inputs.Length; i++)
        {
            var type = i == 1 ? ElementType.Int64 : variant.Half && i is >= 3 and <= 5 ? ElementType.Float16 : ElementType.Float;
            inputs[i] = present[i] ? ops.Input(InputNames[i], type) : null;
        }
        // Outside the loop, so that ONNX Runtime converts float16 weights once, at load.
        var (up, down, gate) = (inputs[3]!.Cast(ElementType.Float), inputs[4]!.Cast(ElementType.Float), inputs[5]?.Cast(ElementType.Float));
        var (x, indices, weights) = (inputs[0]!, inputs[1]!, inputs[2]!);

        var zeros = x.Scalar(0).Expand(x.Shape()); // [T, D]
        var result = ExpertLoop.Run(ops, indices, zeros, (body, expert, sum) =>
        {
            Value Of(Value stack) => body.Use(stack).Gather(expert);
            Value Linear(Value rows, Value stack, Value? bias) => bias is null ? rows.MatMul(Of(stack)) : rows.MatMul(Of(stack)) + Of(bias);

            var picked = body.Use(indices).Equal(expert); // [T, K]
            // A token that picks the expert twice meets it once, with both weights.
            var share = picked.Where(body.Use(weights), sum.Scalar(0)).ReduceSum([1]); // [T, 1]
            var tokens = picked.Cast(ElementType.Int32).ReduceMax([1], keepDims: false).NonZero().Squeeze(0); // [N]
            var rows = body.Use(x).Gather(tokens); // [N, D]
            var hidden = Linear(rows, up, inputs[6]);
            hidden = gate is null
                ? FeedForward.Activate(hidden, variant.Activation)
                : FeedForward.Activate(Linear(rows, gate, inputs[8]), variant.Activation) * hidden; // [N, F]
            var outputs = Linear(hidden, down, inputs[7]) * share.Gather(tokens); // [N, D]
            return sum.ScatterND(tokens.Unsqueeze(1), outputs, "add");
        });

        var last = Array.LastIndexOf(present, true);
        var function = FunctionLibrary.Declare(name, $"y[t] = sum over k of weights[t,k] * FFN of expert indices[t,k] at x[t]; -1 is no expert; {variant.Activation}",
            InputNames[..(last + 1)], ["y"], ["activation"]);
        return FunctionBody.Finish(function, ops, [result]);
    }
}
