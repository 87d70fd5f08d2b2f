using Google.Protobuf;
using Onnx;
using OnnxMoe.Artifacts.Tensors;
using OnnxMoe.Exporter;
using OnnxMoe.Exporter.Graph;
using OnnxMoe.Trainer.Ops;

namespace OnnxMoe.Kernels.Tests;

/// <summary>One file, run with the library (its kernel) and without (the exporter's function body): the same result.</summary>
public sealed class FunctionBodyTests
{
    [Theory]
    [InlineData("silu", true, false, false)]
    [InlineData("gelu", false, true, false)]
    [InlineData("relu", true, true, false)]
    [InlineData("identity", false, false, false)]
    [InlineData("silu", true, true, true)]
    public void GroupedFfn(string activation, bool gated, bool biased, bool half)
    {
        foreach (var tokens in new[] { 0, 1, 33 })
        {
            var inputs = new FfnCase
            {
                T = tokens,
                K = 3,
                Activation = activation,
                Gated = gated,
                UpBias = biased,
                DownBias = biased,
                GateBias = biased && gated,
                Half = half,
            }.Inputs();
            var ops = new OnnxOps(ModelExporter.Lowering(ExportTarget.OnnxMoe));
            var values = Declare(ops, inputs);
            values[0]!.GroupedFfn(values[1]!, values[2]!, values[3]!, values[4]!, values[5], activation, values[6], values[7], values[8]);
            Same(OneNodeModel.Model("GroupedFfn", inputs, new HashSet<string> { "up", "down", "gate" }, ("activation", activation)), ops, inputs);
        }
    }

    [Theory]
    [CombinedFlags]
    public void GroupedLinear(bool perPick, bool biased, bool weighted, bool half)
    {
        var some = new Some(11);
        var matrix = some.Floats(0.2, 4, 19, 37);
        (string, HostTensor?)[] inputs =
        [
            ("x", perPick ? some.Floats(2, 9, 3, 19) : some.Floats(2, 9, 19)), ("indices", some.Indices(4, 0.2, 9, 3)), ("matrix", half ? Some.Halves(matrix) : matrix),
            ("bias", biased ? some.Floats(1, 4, 37) : null), ("weights", weighted ? some.Floats(1, 9, 3) : null),
        ];
        var ops = new OnnxOps(ModelExporter.Lowering(ExportTarget.OnnxMoe));
        var values = Declare(ops, inputs);
        values[0]!.GroupedLinear(values[1]!, values[2]!, values[3], values[4], perPick);
        Same(OneNodeModel.Model("GroupedLinear", inputs, new HashSet<string> { "matrix" }, ("per_pick", perPick ? 1 : 0)), ops, inputs);
    }

    private static Value?[] Declare(OnnxOps ops, (string Name, HostTensor? Tensor)[] inputs) =>
        Array.ConvertAll(inputs, input => input.Tensor is null ? null : (Value)ops.Input(input.Name, input.Tensor.Type));

    private static void Same(ModelProto model, OnnxOps ops, (string Name, HostTensor? Tensor)[] inputs)
    {
        model.Functions.Add(ops.Functions.All);
        using var kernel = new KernelSession(model.ToByteArray());
        using var body = new KernelSession(model.ToByteArray(), kernels: false);
        var (shape, values) = body.Run(inputs);
        Assert.Equal(shape, kernel.Run(inputs).Shape);
        Near.Assert(Array.ConvertAll(values, v => (double)v), kernel.Run(inputs).Values);
    }
}
