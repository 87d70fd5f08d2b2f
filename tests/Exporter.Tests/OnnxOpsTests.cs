using OnnxMoe.Artifacts;
using OnnxMoe.Artifacts.Tensors;
using OnnxMoe.Exporter.Graph;
using OnnxMoe.Exporter.Tests.Support;
using OnnxMoe.Trainer.Backbones;
using OnnxMoe.Trainer.Layers;
using OnnxMoe.Trainer.Ops;

namespace OnnxMoe.Exporter.Tests;

public class OnnxOpsTests
{
    private static readonly TensorSpec[] X = [new("x", ElementType.Float, "T", "8")];

    [Fact]
    public void EqualConstantsAndEqualNodesAreWrittenOnce()
    {
        using var exported = Export(x => [x.Reshape(-1, 4) + x.Reshape(-1, 4).Relu()], "4");
        Assert.Equal(["Reshape", "Relu", "Add"], exported.Operators);
        Assert.Equal(["int64[-1,4]"], exported.Model.Initializers.Select(i => i.Name));
    }

    [Fact]
    public void NodesAreNamedAfterTheLayerWhoseWeightTheyFollow()
    {
        var scope = new LayerScope(1);
        var weight = scope.Child("layers.0.ffn").Normal("up", 1, 8, 8);
        using var exported = Export(x => [x.Abs().MatMul(weight).Relu()]);
        Assert.Equal(["Abs", "layers.0.ffn/MatMul", "layers.0.ffn/Relu"], exported.Model.Proto.Graph.Node.Select(node => node.Name));
    }

    [Fact]
    public void WhatNoOutputNeedsIsLeftOut()
    {
        using var exported = Export(x =>
        {
            _ = x.Exp() * 3;
            return [x.Relu()];
        });
        Assert.Equal(["Relu"], exported.Operators);
        Assert.Empty(exported.Model.Initializers);
    }

    [Fact]
    public void AnInputAndARepeatedValueCanBeOutputs()
    {
        TensorSpec[] outputs = [new("a", ElementType.Float, "T", "8"), new("b", ElementType.Float, "T", "8"), new("c", ElementType.Float, "T", "8")];
        using var exported = new Exported(new LambdaModel(X, outputs, (_, v) =>
        {
            var y = v[0].Relu();
            return [y, v[0], y];
        }));
        using var session = exported.Open();
        var x = Some.Normal(new Random(1), 3, 8);
        var results = session.Run(new Dictionary<string, HostTensor> { ["x"] = x });
        Near.Equal(x, results["b"]);
        Near.Equal(results["a"], results["c"]);
    }

    [Fact]
    public void ElementTypesFollowTheOperators()
    {
        var ops = new OnnxOps(ModelExporter.Lowering(ExportTarget.Onnx));
        var x = ops.Input("x", ElementType.Float);
        Assert.Equal(ElementType.Bool, x.Greater(x.Scalar(0)).Type);
        Assert.Equal(ElementType.Int64, x.Shape().Type);
        Assert.Equal(ElementType.Int64, x.ArgMax(0).Type);
        Assert.Equal((ElementType.Float, ElementType.Int64), (x.TopK(2).Values.Type, x.TopK(2).Indices.Type));
        Assert.Equal(ElementType.Float, x.Greater(x.Scalar(0)).Where(x, x).Type);
        Assert.Equal(ElementType.Double, x.Cast(ElementType.Double).Type);
        Assert.Equal(ElementType.Float, x.NonZero().OneHot(ops.Ints(3), ops.Constant(HostTensor.Vector(0f, 1f))).Type);
    }

    [Theory]
    [InlineData("Gelu", "ONNX opset 17 has no operator 'Gelu'")]
    [InlineData("relu", "did you mean Relu?")]
    public void AnUnknownOperatorIsAClearError(string op, string message)
    {
        var ops = new OnnxOps(ModelExporter.Lowering(ExportTarget.Onnx));
        var error = Assert.Throws<UserError>(() => ops.Apply(op, [ops.Input("x", ElementType.Float)]));
        Assert.Contains(message, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void AWrongNumberOfInputsOrAnUnknownAttributeIsAClearError()
    {
        var ops = new OnnxOps(ModelExporter.Lowering(ExportTarget.Onnx));
        var x = ops.Input("x", ElementType.Float);
        Assert.Contains("was given 1 inputs", Assert.Throws<UserError>(() => ops.Apply("Add", [x])).Message, StringComparison.Ordinal);
        Assert.Contains("no attribute 'axes'", Assert.Throws<UserError>(() => ops.Apply("ReduceSum", [x], new() { ["axes"] = new long[] { 1 } })).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void ValuesOfAnotherGraphAreRefused()
    {
        var ops = new OnnxOps(ModelExporter.Lowering(ExportTarget.Onnx));
        var other = new OnnxOps(ModelExporter.Lowering(ExportTarget.Onnx));
        Assert.Throws<ArgumentException>(() => ops.Input("x", ElementType.Float) + other.Input("y", ElementType.Float));
    }

    [Fact]
    public void WeightsThatMightBeNegativeCannotBeWrittenForOnnxRuntime()
    {
        var scope = new LayerScope(1);
        var up = scope.Normal("up", 1, 3, 8, 8);
        LambdaModel Routed(Func<Value, Value> weights) => new(X, [new("y", ElementType.Float, "T", "8")],
            (ops, v) => [v[0].GroupedFfn(v[0].TopK(2).Indices, weights(v[0]).TopK(2).Values, ops.Weight(up), ops.Weight(up), activation: "relu")], scope);
        ModelExporter.Export(Routed(x => x.Softmax()), ExportTarget.OnnxRuntime, WeightPrecision.Fp32, "m");
        ModelExporter.Export(Routed(x => x), ExportTarget.Onnx, WeightPrecision.Fp32, "m");
        var error = Assert.Throws<UserError>(() => ModelExporter.Export(Routed(x => x), ExportTarget.OnnxRuntime, WeightPrecision.Fp32, "m"));
        Assert.Contains("onnxruntime cannot express", error.Message, StringComparison.Ordinal);
    }

    private static Exported Export(Func<Value, Value[]> body, string columns = "8") =>
        new(new LambdaModel(X, [new("y", ElementType.Float, "T", columns)], (_, v) => body(v[0])));
}
