using Google.Protobuf;
using Microsoft.ML.OnnxRuntime;
using Onnx;
using OnnxMoe.Artifacts.Tensors;
using static Onnx.TensorProto.Types;

namespace OnnxMoe.Kernels.Tests;

/// <summary>Region: nodes as one. The reference is the same nodes, each by itself in ONNX Runtime.</summary>
public sealed class RegionTests
{
    private static readonly NodeProto[] Routed =
    [
        Node("Linear", "onnxmoe", ["x", "router"], ["scores"]),
        Node("Softmax", "", ["scores"], ["shares"]),
        Node("TopK", "", ["shares", "k"], ["weights", "indices"]),
        Node("GroupedFfn", "onnxmoe", ["x", "indices", "weights", "up", "down"], ["ffn"]),
        Node("Add", "", ["x", "ffn"], ["y"]),
    ];

    public static TheoryData<string, int[], int[]?> Operators => new()
    {
        { "Softmax", [5, 16], null },
        { "Softmax", [1, 1, 3], null },
        { "Softmax", [3, 0], null },
        { "Sigmoid", [40, 7], null },
        { "Sigmoid", [0, 4], null },
        { "ReduceSum", [2, 3, 5], null },
        { "Add", [3, 5], [3, 5] },
        { "Add", [300, 64], [64] },
        { "Sub", [2, 3, 4], [3, 1] },
        { "Mul", [9, 4], [9, 1] },
        { "Mul", [1], [7, 4] },
        { "Mul", [4, 1, 3], [1, 5, 1] },
        { "Div", [6, 8], [6, 1] },
        { "Div", [2, 2], [] },
        { "SimplifiedLayerNormalization", [70, 33], [33] },
        { "SimplifiedLayerNormalization", [1, 2, 64], [64] },
    };

    [Theory]
    [MemberData(nameof(Operators))]
    public void An_operator_gives_what_that_of_OnnxRuntime_gives(string op, int[] a, int[]? b)
    {
        var some = new Some(3);
        var inputs = new List<(string Name, HostTensor? Tensor)> { ("a", some.Floats(3, Array.ConvertAll(a, size => (long)size))) };
        if (b is not null)
            inputs.Add(("b", some.Floats(2, Array.ConvertAll(b, size => (long)size))));
        var node = Node(op, "", [.. inputs.Select(input => input.Name)], ["y"]);
        if (op is "SimplifiedLayerNormalization")
            node.Attribute.Add(new AttributeProto { Name = "epsilon", Type = AttributeProto.Types.AttributeType.Float, F = 0.25f });
        if (op is "ReduceSum")
        {
            inputs.Add(("axes", HostTensor.From([-1L], 1)));
            node.Input.Add("axes");
        }
        var constants = op is "ReduceSum" ? new HashSet<string> { "axes" } : [];
        foreach (var threads in new[] { 1, 2 })
        {
            var ((shape, values), (shapeOfRegion, valuesOfRegion)) = Both([node], inputs, constants, threads);
            Assert.Equal(shape, shapeOfRegion);
            Near.Assert(Array.ConvertAll(values, v => (double)v), valuesOfRegion);
        }
    }

    [Theory]
    [InlineData(1, 0)]
    [InlineData(1, 16)]
    [InlineData(50, 3)]
    [InlineData(7, 1)]
    public void The_largest_come_first_and_of_equal_ones_the_first(int rows, int k)
    {
        var x = new Some(8).Floats(2, rows, 16);
        var values = x.AsSpan<float>().ToArray();
        for (var i = 0; i < values.Length; i++)
            values[i] = MathF.Round(values[i]); // many equal ones
        var inputs = new (string, HostTensor?)[] { ("x", HostTensor.From(values, rows, 16)), ("k", HostTensor.From([(long)k], 1)) };
        var (plain, region) = Both([Node("TopK", "", ["x", "k"], ["values", "places"]), Node("Cast", "", ["places"], ["y"], ("to", (long)DataType.Float))], inputs, [], 2, joined: 1);
        Assert.Equal(plain.Shape, region.Shape);
        Assert.Equal(plain.Values, region.Values);
    }

    [Fact]
    public void Rows_of_a_table_are_taken_from_either_end()
    {
        var some = new Some(2);
        var inputs = new (string, HostTensor?)[] { ("table", some.Floats(1, 9, 5)), ("rows", HostTensor.From([0L, 8, -1, -9, 3, 3], 2, 3)) };
        var (plain, region) = Both([Node("Gather", "", ["table", "rows"], ["y"])], inputs, [], 1);
        Assert.Equal(plain.Shape, region.Shape);
        Assert.Equal(plain.Values, region.Values);
    }

    [Fact]
    public void Values_of_one_type_come_one_after_the_other()
    {
        var some = new Some(4);
        var floats = new (string, HostTensor?)[] { ("a", some.Floats(1, 2, 3)), ("b", some.Floats(1, 5, 3)), ("c", some.Floats(1, 0, 3)) };
        var (plain, region) = Both([Node("Concat", "", ["a", "b", "a", "c"], ["y"], ("axis", 0))], floats, [], 1);
        Assert.Equal(plain.Shape, region.Shape);
        Assert.Equal(plain.Values, region.Values);

        var inputs = new (string, HostTensor?)[] { ("x", some.Floats(1, 4, 16)), ("z", some.Floats(1, 7, 16)), ("k", HostTensor.From([3L], 1)) };
        NodeProto[] nodes =
        [
            Node("TopK", "", ["x", "k"], ["values", "places"]),
            Node("TopK", "", ["z", "k"], ["more", "places of z"]),
            Node("Concat", "", ["places", "places of z"], ["places of all"], ("axis", 0)),
            Node("Cast", "", ["places of all"], ["y"], ("to", (long)DataType.Float)),
        ];
        (plain, region) = Both(nodes, inputs, [], 2, joined: 3);
        Assert.Equal(plain.Shape, region.Shape);
        Assert.Equal(plain.Values, region.Values);
    }

    [Fact]
    public void Values_of_another_shape_or_type_do_not_come_after_the_first()
    {
        var some = new Some(4);
        foreach (var other in new[] { some.Floats(1, 2, 4), HostTensor.From([1L, 2, 3], 1, 3) })
        {
            var inputs = new (string, HostTensor?)[] { ("x", some.Floats(1, 2, 3)), ("other", other) };
            using var session = new KernelSession(OneNodeModel.Build("Region", inputs, new HashSet<string>(), ("program", "Concat\tfloat\tn\t0,1\t2\taxis=0"), ("outputs", "2")));
            var error = Assert.Throws<OnnxRuntimeException>(() => session.Run(inputs));
            Assert.Contains("Concat 'n': input 1 has the shape", error.Message);
        }
    }

    [Fact]
    public void A_sum_and_its_norm_are_two_outputs()
    {
        var some = new Some(6);
        var inputs = new (string, HostTensor?)[] { ("x", some.Floats(2, 20, 48)), ("skip", some.Floats(2, 20, 48)), ("scale", some.Floats(1, 48)) };
        var norm = new NodeProto { OpType = "SkipSimplifiedLayerNormalization", Domain = "com.microsoft", Name = "norm", Input = { "x", "skip", "scale" }, Output = { "normed", "", "", "sum" } };
        var (plain, region) = Both([norm, Node("Mul", "", ["normed", "sum"], ["y"])], inputs, ["scale"], 2);
        Near.Assert(Array.ConvertAll(plain.Values, v => (double)v), region.Values);
    }

    [Theory]
    [InlineData(1, 1)]
    [InlineData(1, 2)]
    [InlineData(33, 2)]
    [InlineData(300, 1)]
    [InlineData(300, 7)] // more threads than this machine has cores
    public void A_routed_layer_gives_the_same_in_one_node_and_in_many(int tokens, int threads)
    {
        var inputs = RoutedInputs(tokens);
        var (plain, region) = Both(Routed, inputs, ["router", "k", "up", "down"], threads);
        Assert.Equal(plain.Shape, region.Shape);
        Near.Assert(Array.ConvertAll(plain.Values, v => (double)v), region.Values);
    }

    [Fact]
    public async Task Runs_at_once_do_not_disturb_each_other()
    {
        var few = RoutedInputs(3);
        var many = RoutedInputs(200);
        using var session = new KernelSession(Model(Routed, many, ["router", "k", "up", "down"], Routed.Length), threads: 3);
        var (wantedOfFew, wantedOfMany) = (session.Run(few).Values, session.Run(many).Values);
        await Task.WhenAll(Enumerable.Range(0, 4).Select(i => Task.Run(() =>
        {
            for (var run = 0; run < 50; run++)
                Assert.Equal(i % 2 == 0 ? wantedOfFew : wantedOfMany, session.Run(i % 2 == 0 ? few : many).Values);
        })));
    }

    [Fact]
    public void A_mistake_names_its_node_and_the_next_run_is_right()
    {
        var inputs = RoutedInputs(4);
        using var session = new KernelSession(Model(Routed, inputs, ["router", "up", "down"], Routed.Length), threads: 2);
        var wanted = session.Run(inputs).Values;
        (string, HostTensor?)[] wrong = [.. inputs.Select(input => input.Name == "k" ? ("k", HostTensor.From([17L], 1)) : input)];
        var error = Assert.Throws<OnnxRuntimeException>(() => session.Run(wrong));
        Assert.Contains("TopK 'weights': k is 17, but must be 0..16", error.Message);
        Assert.Equal(wanted, session.Run(inputs).Values);
    }

    [Theory]
    [InlineData("Softmax\tfloat\tn\t0\t2", "line 1 of the program: it writes the value 2, which is not the next one")]
    [InlineData("Softmax\tfloat\tn\t1\t1", "line 1 of the program: it reads the value 1, which nothing has written")]
    [InlineData("Tangent\tfloat\tn\t0\t1", "'Tangent' is no op of a region")]
    [InlineData("Softmax\tdouble\tn\t0\t1", "line 1 of the program: 'double' is no type of weights")]
    [InlineData("Softmax\tfloat\tn", "line 1 of the program: it has 3 parts, but must have at least 5")]
    [InlineData("TopK\tfloat\tn\t0\t1", "TopK 'n' lacks its input 1")]
    public void A_program_that_makes_no_sense_is_refused(string program, string message)
    {
        var model = OneNodeModel.Build("Region", [("x", new Some(1).Floats(1, 2, 2))], new HashSet<string>(), ("program", program), ("outputs", "1"));
        var error = Assert.Throws<OnnxRuntimeException>(() => new KernelSession(model));
        Assert.Contains($"Region 'node': {message}", error.Message);
    }

    [Fact]
    public void A_value_of_the_wrong_type_is_refused()
    {
        var input = ("x", HostTensor.From([1L, 2], 1, 2));
        using var session = new KernelSession(OneNodeModel.Build("Region", [input], new HashSet<string>(), ("program", "Softmax\tfloat\tn\t0\t1"), ("outputs", "1")));
        var error = Assert.Throws<OnnxRuntimeException>(() => session.Run([input]));
        Assert.Contains("Region 'node': input 0 of Softmax 'n' has the wrong type", error.Message);
    }

    private static (string Name, HostTensor? Tensor)[] RoutedInputs(int tokens)
    {
        var some = new Some(11);
        return
        [
            ("x", some.Floats(1, tokens, 40)), ("router", some.Floats(1, 40, 16)), ("k", HostTensor.From([2L], 1)),
            ("up", some.Floats(0.2, 16, 40, 72)), ("down", some.Floats(0.2, 16, 72, 40)),
        ];
    }

    private static NodeProto Node(string op, string domain, string[] inputs, string[] outputs, params (string Name, long Value)[] attributes) => new()
    {
        OpType = op,
        Domain = domain,
        Name = outputs[0],
        Input = { inputs },
        Output = { outputs },
        Attribute = { attributes.Select(a => new AttributeProto { Name = a.Name, Type = AttributeProto.Types.AttributeType.Int, I = a.Value }) },
    };

    /// <summary>What the nodes give by themselves, and the first of them as a region.</summary>
    private static ((long[] Shape, float[] Values) Plain, (long[] Shape, float[] Values) Region) Both(
        NodeProto[] nodes, IReadOnlyList<(string Name, HostTensor? Tensor)> inputs, HashSet<string> constants, int threads, int? joined = null)
    {
        using var plain = new KernelSession(Model(nodes, inputs, constants, 0), threads);
        using var region = new KernelSession(Model(nodes, inputs, constants, joined ?? nodes.Length), threads);
        return (plain.Run(inputs), region.Run(inputs));
    }

    private static byte[] Model(NodeProto[] nodes, IReadOnlyList<(string Name, HostTensor? Tensor)> inputs, HashSet<string> constants, int joined)
    {
        var model = OneNodeModel.Model("", [.. inputs], constants);
        model.OpsetImport.Add(new OperatorSetIdProto { Domain = "com.microsoft", Version = 1 });
        model.Graph.Node.Clear();
        if (joined > 0)
            model.Graph.Node.Add(Region(model.Graph, nodes[..joined], nodes[joined..]));
        model.Graph.Node.Add(nodes[joined..]);
        return model.ToByteArray();
    }

    private static NodeProto Region(GraphProto graph, NodeProto[] nodes, NodeProto[] after)
    {
        var written = nodes.SelectMany(node => node.Output).Where(name => name.Length > 0).ToArray();
        string[] read = [.. nodes.SelectMany(node => node.OpType == "ReduceSum" ? node.Input.Take(1) : node.Input).Distinct().Except(written)];
        string[] values = [.. read, .. written];
        var outputs = written.Where(name => name == "y" || after.Any(node => node.Input.Contains(name))).ToArray();
        graph.ValueInfo.Add(outputs.Where(name => name != "y").Select(name => new ValueInfoProto { Name = name, Type = new() { TensorType = new() { ElemType = (int)(name.StartsWith("places", StringComparison.Ordinal) ? DataType.Int64 : DataType.Float) } } }));
        string Numbers(IEnumerable<string> names) => string.Join(',', names.Select(name => Array.IndexOf(values, name)));
        AttributeProto Text(string name, string text) => new() { Name = name, Type = AttributeProto.Types.AttributeType.String, S = ByteString.CopyFromUtf8(text) };
        var lines = nodes.Select(node => string.Join('\t', [node.OpType, "float", node.Name, Numbers(node.OpType == "ReduceSum" ? node.Input.Take(1) : node.Input), Numbers(node.Output), .. node.Attribute.Select(a => $"{a.Name}={(a.Type == AttributeProto.Types.AttributeType.Int ? a.I : a.F)}")]));
        return new NodeProto { OpType = "Region", Domain = "onnxmoe", Name = "node", Input = { read }, Output = { outputs }, Attribute = { Text("program", string.Join('\n', lines)), Text("outputs", Numbers(outputs)) } };
    }
}
