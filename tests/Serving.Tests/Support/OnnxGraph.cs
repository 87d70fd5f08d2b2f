using Google.Protobuf;
using Onnx;

namespace OnnxMoe.Serving.Tests.Support;

/// <summary>Writes small ONNX models node by node, so that serving is tested without the trainer.</summary>
internal sealed class OnnxGraph
{
    private readonly GraphProto _graph = new() { Name = "test" };

    public OnnxGraph Input(string name, TensorProto.Types.DataType type, params object[] shape)
    {
        _graph.Input.Add(Info(name, type, shape));
        return this;
    }

    /// <summary>An input of whole numbers that callers may leave out.</summary>
    public OnnxGraph OptionalInput(string name, params long[] values) =>
        Input(name, TensorProto.Types.DataType.Int64, values.Length).Constant(name, values);

    public OnnxGraph Output(string name, TensorProto.Types.DataType type, params object[] shape)
    {
        _graph.Output.Add(Info(name, type, shape));
        return this;
    }

    public OnnxGraph Constant(string name, float[] values, params long[] shape)
    {
        var tensor = new TensorProto { Name = name, DataType = (int)TensorProto.Types.DataType.Float };
        tensor.Dims.Add(shape);
        tensor.FloatData.Add(values);
        _graph.Initializer.Add(tensor);
        return this;
    }

    public OnnxGraph Constant(string name, params long[] values)
    {
        var tensor = new TensorProto { Name = name, DataType = (int)TensorProto.Types.DataType.Int64 };
        tensor.Dims.Add(values.Length);
        tensor.Int64Data.Add(values);
        _graph.Initializer.Add(tensor);
        return this;
    }

    public OnnxGraph Node(string op, string[] inputs, string[] outputs, params (string Name, long Value)[] attributes)
    {
        var node = new NodeProto { OpType = op };
        node.Input.Add(inputs);
        node.Output.Add(outputs);
        foreach (var (name, value) in attributes)
            node.Attribute.Add(new AttributeProto { Name = name, Type = AttributeProto.Types.AttributeType.Int, I = value });
        _graph.Node.Add(node);
        return this;
    }

    public void Save(string path)
    {
        var model = new ModelProto { IrVersion = 8, Graph = _graph };
        model.OpsetImport.Add(new OperatorSetIdProto { Version = 17 });
        System.IO.File.WriteAllBytes(path, model.ToByteArray());
    }

    /// <summary>Renames a value of a saved model wherever it occurs.</summary>
    public static void Rename(string path, string from, string to) => Change(path, graph =>
    {
        foreach (var value in graph.Input.Concat(graph.Output).Where(value => value.Name == from))
            value.Name = to;
        foreach (var names in graph.Node.SelectMany(node => new[] { node.Input, node.Output }))
            for (var i = 0; i < names.Count; i++)
                names[i] = names[i] == from ? to : names[i];
    });

    /// <summary>Gives a saved model a further input that no node reads.</summary>
    public static void AddInput(string path, string name) =>
        Change(path, graph => graph.Input.Add(Info(name, TensorProto.Types.DataType.Float, [1])));

    private static void Change(string path, Action<GraphProto> change)
    {
        var model = ModelProto.Parser.ParseFrom(System.IO.File.ReadAllBytes(path));
        change(model.Graph);
        System.IO.File.WriteAllBytes(path, model.ToByteArray());
    }

    private static ValueInfoProto Info(string name, TensorProto.Types.DataType type, object[] shape)
    {
        var dims = new TensorShapeProto();
        foreach (var size in shape)
            dims.Dim.Add(size is string symbol
                ? new TensorShapeProto.Types.Dimension { DimParam = symbol }
                : new TensorShapeProto.Types.Dimension { DimValue = Convert.ToInt64(size) });
        return new() { Name = name, Type = new() { TensorType = new() { ElemType = (int)type, Shape = dims } } };
    }
}
