using OnnxMoe.Artifacts;
using OnnxMoe.Artifacts.Tensors;
using OnnxMoe.Exporter.Tests.Support;
using OnnxMoe.Exporter.Verification;
using OnnxMoe.Trainer.Backbones;
using OnnxMoe.Trainer.Layers;
using OnnxMoe.Trainer.Ops;

namespace OnnxMoe.Exporter.Tests;

public class FunctionBodyTests
{
    private const int Size = 37, Hidden = 20;

    /// <summary>What kernels that round the rows of a product to 8 bits may add, relative to the norm of the result.</summary>
    private const double Rounding = 0.03;

    [Theory]
    [InlineData("silu", true, false)]
    [InlineData("gelu", true, true)]
    [InlineData("relu", false, true)]
    [InlineData("identity", false, false)]
    public void GroupedFfnBodyKernelAndTorchAgree(string activation, bool gated, bool biases)
    {
        foreach (var precision in Enum.GetValues<WeightPrecision>())
        {
            foreach (var experts in new[] { 1, 5 })
            {
                var model = Ffn(experts, activation, gated, biases);
                Agree(model, precision, (random, tokens) => Inputs(random, experts, tokens));
            }
        }
    }

    [Theory]
    [InlineData(false, false, false)]
    [InlineData(false, true, true)]
    [InlineData(true, false, true)]
    [InlineData(true, true, false)]
    public void GroupedLinearBodyKernelAndTorchAgree(bool perPick, bool bias, bool combined)
    {
        const int experts = 4;
        var scope = new LayerScope(3);
        var matrix = scope.Normal("matrix", 0.3, experts, Size, Hidden);
        var biases = scope.Normal("bias", 0.3, experts, Hidden);
        TensorSpec[] inputs = [perPick ? new("x", ElementType.Float, "T", "K", $"{Size}") : new("x", ElementType.Float, "T", $"{Size}"), .. Routing];
        var model = new LambdaModel(inputs, [combined ? new("y", ElementType.Float, "T", $"{Hidden}") : new("y", ElementType.Float, "T", "K", $"{Hidden}")],
            (ops, v) => [v[0].GroupedLinear(v[1], ops.Weight(matrix), bias ? ops.Weight(biases) : null, combined ? v[2] : null, perPick)], scope);
        foreach (var precision in Enum.GetValues<WeightPrecision>())
        {
            Agree(model, precision, (random, tokens) =>
            {
                var all = Inputs(random, experts, tokens);
                if (perPick)
                    all["x"] = Some.Normal(random, tokens, 3, Size);
                return all;
            });
        }
    }

    [Theory]
    [InlineData(WeightPrecision.Fp16, "Linear")]
    [InlineData(WeightPrecision.Int8, "QuantizedLinear")]
    [InlineData(WeightPrecision.Int4, "QuantizedLinear")]
    public void ProductsOfStoredMatricesBodyKernelAndTorchAgree(WeightPrecision precision, string op)
    {
        foreach (var depth in new[] { 32, 33, 70 })
        {
            var scope = new LayerScope(4);
            var (first, second) = (scope.Normal("first", 0.3, depth, 48), scope.Normal("second", 0.3, 40, 48));
            var model = new LambdaModel([new("x", ElementType.Float, "A", "B", $"{depth}")], [new("y", ElementType.Float, "A", "B", "40")],
                (ops, v) => [v[0].MatMul(first).MatMul(ops.Weight(second).Transpose(1, 0))], scope);
            using var exported = new Exported(model, ExportTarget.OnnxMoe, precision);
            Assert.Equal([op, op], exported.Model.Proto.Graph.Node.Where(node => node.Domain == OpSet.MoeDomain).Select(node => node.OpType));
            using var rounded = new RoundedWeights(exported.Model);
            using var body = exported.Open();
            using var kernel = exported.Open(kernels: true);
            foreach (var rows in new[] { 0, 1, 9 })
            {
                var inputs = new Dictionary<string, HostTensor> { ["x"] = Some.Normal(new Random(rows), 2, rows, depth) };
                var expected = TorchRunner.Run(model, inputs, rounded)["y"];
                Near.Equal(expected, body.Run(inputs)["y"]);
                var difference = new OutputDifference("kernel", rounds: true);
                difference.Add(expected, kernel.Run(inputs)["y"]);
                Assert.InRange(difference.ToCheck().MeanRelative!.Value, 0, precision == WeightPrecision.Fp16 ? 1e-5 : Rounding);
            }
        }
    }

    [Fact]
    public void VariantsOfAnOpAreSeparateFunctions()
    {
        var first = Ffn(3, "silu", true, false);
        var second = Ffn(3, "relu", false, false);
        var model = new LambdaModel([.. first.Inputs], [.. first.Outputs], (ops, v) =>
        {
            var given = first.Inputs.Zip(v).ToDictionary(pair => pair.First.Name, pair => pair.Second);
            var once = first.Run(ops, given)["y"];
            given["x"] = once;
            var twice = second.Run(ops, given)["y"];
            given["x"] = twice;
            return [first.Run(ops, given)["y"]];
        });
        using var exported = new Exported(model);
        Assert.Equal(["GroupedFfn", "GroupedFfn_2"], exported.Model.Proto.Functions.Select(function => function.Name));
        Agree(model, WeightPrecision.Fp32, (random, tokens) => Inputs(random, 3, tokens));
    }

    [Fact]
    public void MoreVariantsThanNamesIsAClearError()
    {
        var scope = new LayerScope(1);
        var weight = scope.Normal("w", 1, 2, Size, Size);
        var bias = scope.Normal("b", 1, 2, Size);
        var model = new LambdaModel([new("x", ElementType.Float, "T", $"{Size}"), .. Routing], [new("y", ElementType.Float, "T", $"{Size}")], (ops, v) =>
        {
            var (w, b) = (ops.Weight(weight), ops.Weight(bias));
            var y = v[0];
            foreach (var activation in new[] { "relu", "gelu", "silu" })
            {
                foreach (var some in new[] { null, b })
                    y = y.GroupedFfn(v[1], v[2], w, w, null, activation, some).GroupedFfn(v[1], v[2], w, w, w, activation, some);
            }
            return [y];
        }, scope);
        var error = Assert.Throws<UserError>(() => ModelExporter.Export(model, ExportTarget.Onnx, WeightPrecision.Fp32, "m"));
        Assert.Contains("more than 8 variants of GroupedFfn", error.Message, StringComparison.Ordinal);
    }

    private static readonly TensorSpec[] Routing = [new("indices", ElementType.Int64, "T", "K"), new("weights", ElementType.Float, "T", "K")];

    private static LambdaModel Ffn(int experts, string activation, bool gated, bool biases)
    {
        var scope = new LayerScope(5);
        var up = scope.Normal($"{activation}.up", 0.3, experts, Size, Hidden);
        var down = scope.Normal($"{activation}.down", 0.3, experts, Hidden, Size);
        var gate = scope.Normal($"{activation}.gate", 0.3, experts, Size, Hidden);
        var wide = scope.Normal($"{activation}.wide_bias", 0.3, experts, Hidden);
        var narrow = scope.Normal($"{activation}.narrow_bias", 0.3, experts, Size);
        return new LambdaModel([new("x", ElementType.Float, "T", $"{Size}"), .. Routing], [new("y", ElementType.Float, "T", $"{Size}")],
            (ops, v) => [v[0].GroupedFfn(v[1], v[2], ops.Weight(up), ops.Weight(down), gated ? ops.Weight(gate) : null, activation,
                biases ? ops.Weight(wide) : null, biases ? ops.Weight(narrow) : null, biases && gated ? ops.Weight(wide) : null)], scope);
    }

    private static Dictionary<string, HostTensor> Inputs(Random random, int experts, int tokens) => new()
    {
        ["x"] = Some.Normal(random, tokens, Size),
        ["indices"] = Some.Indices(random, experts, 0.25, tokens, 3),
        ["weights"] = Some.Normal(random, tokens, 3),
    };

    /// <summary>Several numbers of tokens, among them none, with repeated, missing, and all equal experts, and negative weights.</summary>
    private static void Agree(LambdaModel model, WeightPrecision precision, Func<Random, int, Dictionary<string, HostTensor>> make)
    {
        using var exported = new Exported(model, ExportTarget.OnnxMoe, precision);
        using var rounded = new RoundedWeights(exported.Model);
        using var body = exported.Open();
        using var kernel = exported.Open(kernels: true);
        var random = new Random(11);
        foreach (var tokens in new[] { 0, 1, 2, 40 })
        {
            foreach (var same in new long?[] { null, -1, 0 })
            {
                var inputs = make(random, tokens);
                if (same is { } expert)
                    inputs["indices"].AsSpan<long>().Fill(expert);
                var expected = TorchRunner.Run(model, inputs, rounded)["y"];
                Near.Equal(expected, body.Run(inputs)["y"]);
                if (precision.CodeBits() is null)
                {
                    Near.Equal(expected, kernel.Run(inputs)["y"]);
                    continue;
                }
                var difference = new OutputDifference("kernel", rounds: true);
                difference.Add(expected, kernel.Run(inputs)["y"]);
                Assert.InRange(difference.ToCheck().MeanRelative!.Value, 0, Rounding);
            }
        }
    }
}
