using Google.Protobuf;
using Onnx;
using OnnxMoe.Artifacts.Tensors;

namespace OnnxMoe.Kernels.Tests;

/// <summary>A model of one node of the domain <c>onnxmoe</c>; its inputs are fed or are constants of the model.</summary>
internal static class OneNodeModel
{
    /// <param name="op">Name of the op.</param>
    /// <param name="inputs">In the op's order; null: left out.</param>
    /// <param name="constants">Names of those inputs that the model holds.</param>
    /// <param name="attributes">Strings or integers.</param>
    /// <returns>The serialized model; its output is <c>y</c>.</returns>
    public static byte[] Build(string op, (string Name, HostTensor? Tensor)[] inputs, ISet<string> constants, params (string Name, object Value)[] attributes) =>
        Model(op, inputs, constants, attributes).ToByteArray();

    /// <inheritdoc cref="Build"/>
    public static ModelProto Model(string op, (string Name, HostTensor? Tensor)[] inputs, ISet<string> constants, params (string Name, object Value)[] attributes)
    {
        var node = new NodeProto { OpType = op, Domain = "onnxmoe", Name = "node", Output = { "y" } };
        var graph = new GraphProto { Name = "graph", Node = { node } };
        foreach (var (name, tensor) in inputs)
        {
            node.Input.Add(tensor is null ? "" : name);
            if (tensor is null)
                continue;
            if (constants.Contains(name))
                graph.Initializer.Add(Constant(name, tensor));
            else
                graph.Input.Add(Typed(name, tensor.Type, tensor.Shape.Length));
        }
        foreach (var (name, value) in attributes)
            node.Attribute.Add(value is string text
                ? new AttributeProto { Name = name, Type = AttributeProto.Types.AttributeType.String, S = ByteString.CopyFromUtf8(text) }
                : new AttributeProto { Name = name, Type = AttributeProto.Types.AttributeType.Int, I = Convert.ToInt64(value) });
        // As the exporter writes it: a node names no inputs after the last one it has.
        while (node.Input[^1].Length == 0)
            node.Input.RemoveAt(node.Input.Count - 1);
        graph.Output.Add(Output("y"));
        return new ModelProto
        {
            IrVersion = 8,
            Graph = graph,
            OpsetImport = { new OperatorSetIdProto { Version = 17 }, new OperatorSetIdProto { Domain = "onnxmoe", Version = 1 } },
        };
    }

    private static ValueInfoProto Output(string name) =>
        new() { Name = name, Type = new TypeProto { TensorType = new TypeProto.Types.Tensor { ElemType = (int)ElementType.Float } } };

    /// <summary>Serializes a model with these constants added.</summary>
    public static byte[] WithConstants(ModelProto model, IEnumerable<(string Name, HostTensor Tensor)> constants)
    {
        var whole = model.Clone();
        whole.Graph.Initializer.Add(constants.Select(constant => Constant(constant.Name, constant.Tensor)));
        return whole.ToByteArray();
    }

    private static TensorProto Constant(string name, HostTensor tensor) =>
        new() { Name = name, DataType = (int)tensor.Type, Dims = { tensor.Shape }, RawData = ByteString.CopyFrom(tensor.Data) };

    private static ValueInfoProto Typed(string name, ElementType type, int rank)
    {
        var shape = new TensorShapeProto();
        for (var i = 0; i < rank; i++)
            shape.Dim.Add(new TensorShapeProto.Types.Dimension { DimParam = $"{name}_{i}" });
        return new() { Name = name, Type = new TypeProto { TensorType = new TypeProto.Types.Tensor { ElemType = (int)type, Shape = shape } } };
    }
}
