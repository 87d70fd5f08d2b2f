using Google.Protobuf;
using Onnx;

namespace OnnxMoe.Serving.Tests.Support;

/// <summary>Writes small ONNX models node by node, so that serving is tested without the trainer.</summary>
internal sealed class OnnxGraph
{
    private const string MoeDomain = "onnxmoe";
    private readonly GraphProto _graph = new() { Name = "test" };
    private readonly List<FunctionProto> _functions = [];
    private readonly List<(TensorProto Tensor, float[] Values)> _stored = [];

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

    /// <summary>Weights that lie in a file beside the model.</summary>
    public OnnxGraph Stored(string name, float[] values, params long[] shape)
    {
        var tensor = new TensorProto { Name = name, DataType = (int)TensorProto.Types.DataType.Float, DataLocation = TensorProto.Types.DataLocation.External };
        tensor.Dims.Add(shape);
        _graph.Initializer.Add(tensor);
        _stored.Add((tensor, values));
        return this;
    }

    /// <summary>A call of GroupedFfn with a silu gate.</summary>
    public OnnxGraph GroupedFfn(string name, string[] inputs, string output)
    {
        var node = new NodeProto { Name = name, OpType = "GroupedFfn", Domain = MoeDomain };
        node.Input.Add(inputs);
        node.Output.Add(output);
        node.Attribute.Add(new AttributeProto { Name = "activation", Type = AttributeProto.Types.AttributeType.String, S = ByteString.CopyFromUtf8("silu") });
        _graph.Node.Add(node);
        if (_functions.Count == 0)
            _functions.Add(GroupedFfnBody());
        return this;
    }

    public void Save(string path)
    {
        var model = new ModelProto { IrVersion = 8, Graph = _graph, Functions = { _functions } };
        model.OpsetImport.Add(new OperatorSetIdProto { Version = 17 });
        if (_functions.Count > 0)
            model.OpsetImport.Add(new OperatorSetIdProto { Domain = MoeDomain, Version = 1 });
        if (_stored.Count > 0)
            SaveStored(path + ".data");
        System.IO.File.WriteAllBytes(path, model.ToByteArray());
    }

    private void SaveStored(string path)
    {
        using var file = System.IO.File.Create(path);
        foreach (var (tensor, values) in _stored)
        {
            var bytes = System.Runtime.InteropServices.MemoryMarshal.AsBytes(values.AsSpan());
            foreach (var (key, value) in (IEnumerable<(string, string)>)[("location", Path.GetFileName(path)), ("offset", $"{file.Position}"), ("length", $"{bytes.Length}")])
                tensor.ExternalData.Add(new StringStringEntryProto { Key = key, Value = value });
            file.Write(bytes);
            file.Position = (file.Position + 4095) / 4096 * 4096;
        }
    }

    /// <summary>All experts on all tokens, and each token's weights for them, which are mostly 0.</summary>
    private static FunctionProto GroupedFfnBody()
    {
        var body = new OnnxGraph()
            .Node("Constant", [], ["zero"], ("value_int", 0)).Node("Constant", [], ["one"], ("value_int", 1)).Node("Constant", [], ["two"], ("value_int", 2))
            .Node("Shape", ["up"], ["experts"], ("start", 0), ("end", 1))
            .Node("Squeeze", ["experts"], ["count"])
            .Node("Range", ["zero", "count", "one"], ["numbers"])
            .Node("Unsqueeze", ["one", "zero"], ["axis1"]).Node("Unsqueeze", ["two", "zero"], ["axis2"]).Node("Unsqueeze", ["zero", "zero"], ["axis0"])
            .Node("Unsqueeze", ["indices", "axis2"], ["wanted"])
            .Node("Equal", ["wanted", "numbers"], ["isHit"])
            .Node("Cast", ["isHit"], ["hit"], ("to", (long)TensorProto.Types.DataType.Float))
            .Node("Unsqueeze", ["weights", "axis2"], ["weight"])
            .Node("Mul", ["hit", "weight"], ["shares3"])
            .Node("ReduceSum", ["shares3", "axis1"], ["shares"], ("keepdims", 0)) // [T, E]
            .Node("Transpose", ["shares"], ["byExpert"])
            .Node("Unsqueeze", ["byExpert", "axis2"], ["share"])
            .Node("MatMul", ["x", "up"], ["u"]).Node("MatMul", ["x", "gate"], ["g"]) // [E, T, F]
            .Node("Sigmoid", ["g"], ["s"]).Node("Mul", ["g", "s"], ["a"]).Node("Mul", ["a", "u"], ["h"])
            .Node("MatMul", ["h", "down"], ["o"])
            .Node("Mul", ["o", "share"], ["weighted"])
            .Node("ReduceSum", ["weighted", "axis0"], ["y"], ("keepdims", 0));
        var function = new FunctionProto { Name = "GroupedFfn", Domain = MoeDomain, Input = { "x", "indices", "weights", "up", "down", "gate" }, Output = { "y" }, Attribute = { "activation" }, Node = { body._graph.Node } };
        function.OpsetImport.Add(new OperatorSetIdProto { Version = 17 });
        return function;
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
