using Google.Protobuf;
using Onnx;

namespace OnnxMoe.Serving.Tests.Support;

/// <summary>Writes small ONNX models node by node, so that serving is tested without the trainer.</summary>
internal sealed class OnnxGraph
{
    private const string MoeDomain = "onnxmoe";
    private const string RuntimeDomain = "com.microsoft";
    private readonly GraphProto _graph = new() { Name = "test" };
    private readonly List<FunctionProto> _functions = [];
    private readonly List<(TensorProto Tensor, byte[] Values)> _stored = [];

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

    /// <summary>A node Transpose.</summary>
    public OnnxGraph Transpose(string input, string output, params long[] axes)
    {
        Node("Transpose", [input], [output]);
        _graph.Node[^1].Attribute.Add(new AttributeProto { Name = "perm", Type = AttributeProto.Types.AttributeType.Ints, Ints = { axes } });
        return this;
    }

    /// <summary>Weights that lie in a file beside the model.</summary>
    public OnnxGraph Stored(string name, float[] values, params long[] shape) =>
        Stored(name, TensorProto.Types.DataType.Float, System.Runtime.InteropServices.MemoryMarshal.AsBytes(values.AsSpan()).ToArray(), shape);

    /// <summary>8 bit codes that lie in a file beside the model.</summary>
    public OnnxGraph StoredCodes(string name, sbyte[] values, params long[] shape) =>
        Stored(name, TensorProto.Types.DataType.Int8, System.Runtime.InteropServices.MemoryMarshal.AsBytes(values.AsSpan()).ToArray(), shape);

    private OnnxGraph Stored(string name, TensorProto.Types.DataType type, byte[] values, long[] shape)
    {
        var tensor = new TensorProto { Name = name, DataType = (int)type, DataLocation = TensorProto.Types.DataLocation.External };
        tensor.Dims.Add(shape);
        _graph.Initializer.Add(tensor);
        _stored.Add((tensor, values));
        return this;
    }

    /// <summary>A call of GroupedFfn with a silu gate, or with 9 inputs of QuantizedGroupedFfn whose matrices are no deeper than a block.</summary>
    public OnnxGraph GroupedFfn(string name, string[] inputs, string output)
    {
        var quantized = inputs.Length == 9;
        var node = new NodeProto { Name = name, OpType = quantized ? "QuantizedGroupedFfn" : "GroupedFfn", Domain = MoeDomain };
        node.Input.Add(inputs);
        node.Output.Add(output);
        node.Attribute.Add(new AttributeProto { Name = "activation", Type = AttributeProto.Types.AttributeType.String, S = ByteString.CopyFromUtf8("silu") });
        _graph.Node.Add(node);
        if (_functions.All(function => function.Name != node.OpType))
            _functions.Add(GroupedFfnBody(quantized));
        return this;
    }

    /// <summary>A call of CausalAttention with one key head for all query heads.</summary>
    public OnnxGraph CausalAttention(string name, int heads, int headSize, string[] inputs, string[] outputs)
    {
        var node = new NodeProto { Name = name, OpType = "CausalAttention", Domain = MoeDomain };
        node.Input.Add(inputs);
        node.Output.Add(outputs);
        node.Attribute.Add(new AttributeProto { Name = "num_heads", Type = AttributeProto.Types.AttributeType.Int, I = heads });
        node.Attribute.Add(new AttributeProto { Name = "kv_num_heads", Type = AttributeProto.Types.AttributeType.Int, I = 1 });
        _graph.Node.Add(node);
        if (_functions.All(function => function.Name != node.OpType))
            _functions.Add(CausalAttentionBody(heads, headSize));
        return this;
    }

    /// <summary>A call of ONNX Runtime's GroupQueryAttention with rotary embeddings.</summary>
    public OnnxGraph GroupQueryAttention(string name, int heads, int keyHeads, string[] inputs, string[] outputs)
    {
        Node("GroupQueryAttention", inputs, outputs, ("num_heads", heads), ("kv_num_heads", keyHeads), ("do_rotary", 1), ("rotary_interleaved", 0));
        (_graph.Node[^1].Name, _graph.Node[^1].Domain) = (name, RuntimeDomain);
        return this;
    }

    /// <summary>What GroupQueryAttention is told of a mask: the last position of each sequence, and how many there are.</summary>
    public OnnxGraph LengthsOf(string mask) => Constant("axis 1", 1).Constant("1", 1)
        .Node("ReduceSum", [mask, "axis 1"], [$"{mask} sums"], ("keepdims", 0)).Node("Sub", [$"{mask} sums", "1"], [$"{mask} ends 64"])
        .Node("Cast", [$"{mask} ends 64"], [$"{mask} ends"], ("to", (long)TensorProto.Types.DataType.Int32))
        .Node("Shape", [mask], [$"{mask} size"], ("start", 1), ("end", 2)).Node("Squeeze", [$"{mask} size"], [$"{mask} total 64"])
        .Node("Cast", [$"{mask} total 64"], [$"{mask} total"], ("to", (long)TensorProto.Types.DataType.Int32));

    public void Save(string path)
    {
        var model = new ModelProto { IrVersion = 8, Graph = _graph, Functions = { _functions } };
        model.OpsetImport.Add(new OperatorSetIdProto { Version = 17 });
        if (_functions.Count > 0)
            model.OpsetImport.Add(new OperatorSetIdProto { Domain = MoeDomain, Version = 1 });
        if (_graph.Node.Any(node => node.Domain == RuntimeDomain))
            model.OpsetImport.Add(new OperatorSetIdProto { Domain = RuntimeDomain, Version = 1 });
        if (_stored.Count > 0)
            SaveStored(path + ".data");
        System.IO.File.WriteAllBytes(path, model.ToByteArray());
    }

    private void SaveStored(string path)
    {
        using var file = System.IO.File.Create(path);
        foreach (var (tensor, values) in _stored)
        {
            foreach (var (key, value) in (IEnumerable<(string, string)>)[("location", Path.GetFileName(path)), ("offset", $"{file.Position}"), ("length", $"{values.Length}")])
                tensor.ExternalData.Add(new StringStringEntryProto { Key = key, Value = value });
            file.Write(values);
            file.Position = (file.Position + 4095) / 4096 * 4096;
        }
    }

    /// <summary>All experts on all tokens, and each token's weights for them, which are mostly 0.</summary>
    private static FunctionProto GroupedFfnBody(bool quantized)
    {
        string[] stacks = ["up", "down", "gate"];
        var body = new OnnxGraph();
        if (quantized)
        {
            foreach (var stack in stacks)
                body.Node("Cast", [stack], [$"{stack} codes"], ("to", (long)TensorProto.Types.DataType.Float)).Node("Mul", [$"{stack} codes", $"{stack}_scales"], [$"{stack} numbers"]);
        }
        string Numbers(string stack) => quantized ? $"{stack} numbers" : stack;
        body.Node("Constant", [], ["zero"], ("value_int", 0)).Node("Constant", [], ["one"], ("value_int", 1)).Node("Constant", [], ["two"], ("value_int", 2))
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
            .Node("MatMul", ["x", Numbers("up")], ["u"]).Node("MatMul", ["x", Numbers("gate")], ["g"]) // [E, T, F]
            .Node("Sigmoid", ["g"], ["s"]).Node("Mul", ["g", "s"], ["a"]).Node("Mul", ["a", "u"], ["h"])
            .Node("MatMul", ["h", Numbers("down")], ["o"])
            .Node("Mul", ["o", "share"], ["weighted"])
            .Node("ReduceSum", ["weighted", "axis0"], ["y"], ("keepdims", 0));
        var inputs = stacks.SelectMany(stack => quantized ? new[] { stack, $"{stack}_scales" } : [stack]);
        var function = new FunctionProto { Name = quantized ? "QuantizedGroupedFfn" : "GroupedFfn", Domain = MoeDomain, Input = { "x", "indices", "weights", inputs }, Output = { "y" }, Attribute = { "activation" }, Node = { body._graph.Node } };
        function.OpsetImport.Add(new OperatorSetIdProto { Version = 17 });
        return function;
    }

    /// <summary>Rotates queries and keys, lets each query look at all positions up to its own, and gives the grown caches.</summary>
    private static FunctionProto CausalAttentionBody(int heads, int headSize)
    {
        var body = new OnnxGraph()
            .Node("Constant", [], ["zero"], ("value_int", 0)).Node("Constant", [], ["one"], ("value_int", 1)).Node("Constant", [], ["two"], ("value_int", 2))
            .Node("Constant", [], ["rest"], ("value_int", -1)).Node("Constant", [], ["headCount"], ("value_int", heads)).Node("Constant", [], ["headSize"], ("value_int", headSize));
        foreach (var (name, source) in new[] { ("v0", "zero"), ("v1", "one"), ("v2", "two"), ("vRest", "rest"), ("vHeads", "headCount") })
            body.Node("Unsqueeze", [source, "zero"], [name]);
        body.Node("Concat", ["v0", "v0", "vHeads", "vRest"], ["queryShape"], ("axis", 0)).Node("Concat", ["v0", "v0", "v1", "vRest"], ["keyShape"], ("axis", 0))
            .Node("Concat", ["v0", "v0", "vRest"], ["mergedShape"], ("axis", 0));
        foreach (var table in new[] { "cos", "sin" })
            body.Node("Gather", [table, "positions"], [$"{table} rows"]).Node("Unsqueeze", [$"{table} rows", "v2"], [$"{table} 4"]);
        foreach (var part in new[] { "query", "key" })
        {
            body.Node("Reshape", [part, $"{part}Shape"], [$"{part} 4"])
                .Node("Split", [$"{part} 4"], [$"{part} a", $"{part} b"], ("axis", -1))
                .Node("Mul", [$"{part} a", "cos 4"], [$"{part} ac"]).Node("Mul", [$"{part} b", "sin 4"], [$"{part} bs"]).Node("Sub", [$"{part} ac", $"{part} bs"], [$"{part} first"])
                .Node("Mul", [$"{part} b", "cos 4"], [$"{part} bc"]).Node("Mul", [$"{part} a", "sin 4"], [$"{part} as"]).Node("Add", [$"{part} bc", $"{part} as"], [$"{part} second"])
                .Node("Concat", [$"{part} first", $"{part} second"], [$"{part} rotated"], ("axis", -1))
                .Transpose($"{part} rotated", $"{part} heads", 0, 2, 1, 3);
        }
        body.Node("Reshape", ["value", "keyShape"], ["value 4"]).Transpose("value 4", "value heads", 0, 2, 1, 3)
            .Node("Concat", ["past_key", "key heads"], ["present_key"], ("axis", 2)).Node("Concat", ["past_value", "value heads"], ["present_value"], ("axis", 2))
            .Transpose("present_key", "keys", 0, 1, 3, 2)
            .Node("MatMul", ["query heads", "keys"], ["products"])
            .Node("Cast", ["headSize"], ["size"], ("to", (long)TensorProto.Types.DataType.Float)).Node("Sqrt", ["size"], ["root"]).Node("Div", ["products", "root"], ["scores"])
            .Node("Shape", ["present_key"], ["total1"], ("start", 2), ("end", 3)).Node("Squeeze", ["total1"], ["total"])
            .Node("Shape", ["past_key"], ["past1"], ("start", 2), ("end", 3)).Node("Squeeze", ["past1"], ["past"])
            .Node("Range", ["zero", "total", "one"], ["columns"]).Node("Range", ["past", "total", "one"], ["rows"]).Node("Unsqueeze", ["rows", "v1"], ["rows 2"])
            .Node("Greater", ["columns", "rows 2"], ["unseen"]).Node("Cast", ["unseen"], ["unseen f"], ("to", (long)TensorProto.Types.DataType.Float))
            .Node("Constant", [], ["million"], ("value_int", -1_000_000)).Node("Cast", ["million"], ["million f"], ("to", (long)TensorProto.Types.DataType.Float))
            .Node("Mul", ["unseen f", "million f"], ["bias"]).Node("Add", ["scores", "bias"], ["seen scores"])
            .Node("Softmax", ["seen scores"], ["shares"], ("axis", -1)).Node("MatMul", ["shares", "present_value"], ["mixed"])
            .Transpose("mixed", "merged 4", 0, 2, 1, 3).Node("Reshape", ["merged 4", "mergedShape"], ["context"]);
        var function = new FunctionProto
        {
            Name = "CausalAttention",
            Domain = MoeDomain,
            Node = { body._graph.Node },
            Attribute = { "num_heads", "kv_num_heads" },
            Input = { "query", "key", "value", "past_key", "past_value", "mask", "positions", "cos", "sin" },
            Output = { "context", "present_key", "present_value" },
        };
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
