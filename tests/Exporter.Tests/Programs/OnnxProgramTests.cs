using Onnx;
using OnnxMoe.Artifacts.Tensors;
using OnnxMoe.Exporter.Programs;
using OnnxMoe.Trainer.Ops;
using static TorchSharp.torch;

namespace OnnxMoe.Exporter.Tests.Programs;

public class OnnxProgramTests
{
    private static readonly TorchOps Ops = new();

    [Fact]
    public void AttributesOfOldOpsetsBecomeInputs()
    {
        var x = HostTensor.From([1f, 2, 3, 4, 5, 6], 1, 6);
        Assert.Equal([2f, 3], Floats(Model(9, Node("Slice", ["x"], ["y"], Ints("axes", 1), Ints("starts", 1), Ints("ends", 3))), x));
        Assert.Equal([2f, 2, 3, 4, 5, 5], Floats(Model(6, Node("Clip", ["x"], ["y"], Float("min", 2), Float("max", 5))), x));
        Assert.Equal([21f], Floats(Model(11, Node("ReduceSum", ["x"], ["y"], Ints("axes", 1))), x));
        Assert.Equal([6L], Shape(Model(11, Node("Squeeze", ["x"], ["y"], Ints("axes", 0))), x));
        Assert.Equal([0f, 1, 2, 3, 4, 5, 6], Floats(Model(2, Node("Pad", ["x"], ["y"], Ints("pads", 0, 1, 0, 0))), x));
    }

    [Fact]
    public void SoftmaxOfOldOpsetsNormalizesAllDimensionsFromTheAxisOn()
    {
        var result = Floats(Model(11, Node("Softmax", ["x"], ["y"])), HostTensor.From(new float[8], 2, 2, 2));
        Assert.All(result, value => Assert.Equal(0.25f, value));
    }

    [Fact]
    public void AxesOfOpset18AreInputs()
    {
        var model = Model(18, Node("ReduceMax", ["x", "axes"], ["y"]));
        model.Graph.Initializer.Add(TensorProtoFile.FromHost(HostTensor.Vector(1L), "axes"));
        Assert.Equal([3f, 6f], Floats(model, HostTensor.From([1f, 2, 3, 4, 5, 6], 2, 3)));
    }

    [Fact]
    public void FunctionsAreRunWithTheirAttributes()
    {
        var model = Model(17, new NodeProto { OpType = "Scaled", Domain = "mine", Name = "s", Input = { "x" }, Output = { "y" }, Attribute = { Float("factor", 3) } });
        var constant = Node("Constant", [], ["c"]);
        constant.Attribute.Add(new AttributeProto { Name = "value_float", RefAttrName = "factor", Type = AttributeProto.Types.AttributeType.Float });
        model.Functions.Add(new FunctionProto
        {
            Name = "Scaled",
            Domain = "mine",
            Input = { "a" },
            Output = { "b" },
            Attribute = { "factor" },
            Node = { constant, Node("Mul", ["a", "c"], ["b"]) },
            OpsetImport = { new OperatorSetIdProto { Version = 17 } },
        });
        Assert.Equal([3f, 6], Floats(model, HostTensor.Vector(1f, 2)));
    }

    [Fact]
    public void InitializersCanBeTrained()
    {
        var model = Model(17, Node("MatMul", ["x", "w"], ["h"]), Node("ReduceSum", ["h"], ["y"]));
        model.Graph.Initializer.Add(TensorProtoFile.FromHost(HostTensor.From([1f, 2, 3, 4], 2, 2), "w"));
        var program = OnnxProgram.From(model);
        program.MakeTrainable();
        using var scope = NewDisposeScope();
        var ops = new TorchOps(training: true);
        var result = program.Run(ops, new Dictionary<string, Value> { ["x"] = ops.Constant(HostTensor.From([1f, 10], 1, 2)) });
        TorchOps.TensorOf(result["y"]).sum().backward();
        var weight = Assert.Single(program.Weights);
        Assert.Equal([1f, 1, 10, 10], TorchTensors.ToHost(weight.Parameter.grad!).AsSpan<float>().ToArray());
    }

    [Fact]
    public void AnOutputMayBeAnInputOfAnotherNode()
    {
        var model = Model(17, Node("Relu", ["x"], ["z"]), Node("Identity", ["z"], ["y"]), Node("Neg", ["z"], ["unused"]));
        model.Graph.Output.Add(new ValueInfoProto { Name = "z" });
        Assert.Equal([0f, 2], Floats(model, HostTensor.Vector(-1f, 2)));
    }

    private static float[] Floats(ModelProto model, HostTensor x) => Run(model, x).AsSpan<float>().ToArray();

    private static long[] Shape(ModelProto model, HostTensor x) => Run(model, x).Shape;

    private static HostTensor Run(ModelProto model, HostTensor x) =>
        ((TorchValue)OnnxProgram.From(model).Run(Ops, new Dictionary<string, Value> { ["x"] = Ops.Constant(x) })["y"]).ToHost();

    private static ModelProto Model(long opset, params NodeProto[] nodes) => new()
    {
        IrVersion = 8,
        OpsetImport = { new OperatorSetIdProto { Version = opset } },
        Graph = new GraphProto
        {
            Input = { new ValueInfoProto { Name = "x", Type = new TypeProto { TensorType = new TypeProto.Types.Tensor { ElemType = 1 } } } },
            Output = { new ValueInfoProto { Name = "y" } },
            Node = { nodes },
        },
    };

    private static NodeProto Node(string op, string[] inputs, string[] outputs, params AttributeProto[] attributes) =>
        new() { OpType = op, Input = { inputs }, Output = { outputs }, Attribute = { attributes } };

    private static AttributeProto Ints(string name, params long[] values) =>
        new() { Name = name, Type = AttributeProto.Types.AttributeType.Ints, Ints = { values } };

    private static AttributeProto Float(string name, float value) =>
        new() { Name = name, Type = AttributeProto.Types.AttributeType.Float, F = value };
}
