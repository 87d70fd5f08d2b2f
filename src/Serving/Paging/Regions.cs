using System.Globalization;
using Onnx;
using OnnxMoe.Artifacts.Graphs;
using OnnxMoe.Artifacts.Tensors;
using static Onnx.AttributeProto.Types;
using static Onnx.TensorProto.Types;

namespace OnnxMoe.Serving.Paging;

/// <summary>
/// Makes one node, a Region, of nodes that follow each other and that the native library knows all of: a decoder becomes one node, whose threads stay
/// together from the first layer to the last. With one token a step, a node's way through ONNX Runtime takes longer than many a node.
/// </summary>
internal sealed class Regions
{
    private const string Region = "Region";

    private readonly GraphProto _graph;
    private readonly ElementType _cache;
    private readonly Dictionary<string, TensorProto> _initializers;
    private readonly ILookup<string, NodeProto> _readers;
    private readonly HashSet<string> _outputs;
    private readonly HashSet<string> _floats; // values that are known to be floats
    private readonly HashSet<string> _integers = []; // or 64-bit integers
    private int _made;

    private Regions(GraphProto graph, ElementType cache)
    {
        (_graph, _cache) = (graph, cache);
        _initializers = graph.Initializer.ToDictionary(tensor => tensor.Name);
        _readers = graph.Node.SelectMany(node => ValueNames.UsedBy(node).Distinct().Select(name => (name, node))).ToLookup(pair => pair.name, pair => pair.node);
        _outputs = [.. graph.Output.Select(output => output.Name)];
        _floats = [.. graph.Initializer.Where(tensor => tensor.DataType == (int)DataType.Float).Select(tensor => tensor.Name)];
    }

    /// <summary>Changes the graph in place.</summary>
    /// <param name="model">Of which all nodes stand behind those whose values they read.</param>
    /// <param name="cache">What the caches hold: float or float16.</param>
    public static void Use(ModelProto model, ElementType cache) => new Regions(model.Graph, cache).Change();

    private void Change()
    {
        var nodes = new List<NodeProto>();
        var together = new List<(NodeProto Node, string Type)>();
        var written = new HashSet<string>();
        foreach (var node in _graph.Node)
        {
            if (TypeOf(node) is { } type)
            {
                together.Add((node, type));
                written.UnionWith(node.Output);
                continue;
            }
            // A node that does not need the region may come before it.
            if (ValueNames.UsedBy(node).Any(written.Contains))
                Close();
            nodes.Add(node);
        }
        Close();
        _graph.Node.Clear();
        _graph.Node.Add(nodes);

        void Close()
        {
            nodes.AddRange(together.Count > 1 ? [RegionOf(together)] : together.Select(known => known.Node));
            together.Clear();
            written.Clear();
        }
    }

    /// <summary>The type of a node's weights or caches, in the program's words; null for a node that the library does not know.</summary>
    private string? TypeOf(NodeProto node)
    {
        var type = node.Attribute.Any(attribute => attribute.Type is not (AttributeType.Int or AttributeType.Float or AttributeType.String)) ? null : (node.Domain, MoeFunctions.OpOf(node.OpType)) switch
        {
            (MoeFunctions.Domain, NativeAttention.Op) => _cache == ElementType.Float16 ? "half" : "float",
            (MoeFunctions.Domain, MoeFunctions.Linear or MoeFunctions.QuantizedLinear) => WeightsOf(node.Input[1]),
            (MoeFunctions.Domain, MoeFunctions.GroupedLinear or MoeFunctions.QuantizedGroupedLinear) => WeightsOf(node.Input[2]),
            (MoeFunctions.Domain, MoeFunctions.GroupedFfn or MoeFunctions.QuantizedGroupedFfn) => WeightsOf(node.Input[3]),
            (FusedNorms.Domain, FusedNorms.WithSum) or ("", FusedNorms.Alone) => "float",
            ("", "Gather") => IsRows(node) ? "float" : null,
            ("", "Add" or "Sub" or "Mul" or "Div" or "Sigmoid") => node.Input.Any(_floats.Contains) ? "float" : null,
            ("", "Softmax") => Int(node, "axis", -1) == -1 && _floats.Contains(node.Input[0]) ? "float" : null,
            ("", "ReduceSum") => Int(node, "keepdims", 1) == 1 && node.Input.Count == 2 && IsLastAxis(node.Input[1]) && _floats.Contains(node.Input[0]) ? "float" : null,
            ("", "Concat") => Int(node, "axis", 0) == 0 && (node.Input.All(_floats.Contains) || node.Input.All(_integers.Contains)) ? "float" : null,
            ("", "TopK") => Int(node, "axis", -1) == -1 && Int(node, "largest", 1) == 1 && node.Output.All(name => name.Length > 0) && _floats.Contains(node.Input[0]) ? "float" : null,
            _ => null,
        };
        foreach (var (i, name) in node.Output.Index().Where(output => type is not null && output.Item.Length > 0))
            _ = (node.OpType == "TopK" && i == 1) || (node.OpType == "Concat" && _integers.Contains(node.Input[0])) ? _integers.Add(name) : _floats.Add(name);
        return type;
    }

    private string? WeightsOf(string matrix) => !_initializers.TryGetValue(matrix, out var tensor) ? null : (DataType)tensor.DataType switch
    {
        DataType.Float => "float",
        DataType.Float16 => "half",
        DataType.Int8 => "int8",
        DataType.Uint8 => "int4",
        _ => null,
    };

    /// <summary>Whether it takes rows of a matrix of floats, which the graph's input numbers.</summary>
    private bool IsRows(NodeProto node) =>
        Int(node, "axis", 0) == 0 && _floats.Contains(node.Input[0])
        && (_initializers.TryGetValue(node.Input[0], out var table) ? table.Dims.Count == 2 : node.Name == PagedModel.ChooseTokens)
        && _graph.Input.Any(input => input.Name == node.Input[1] && input.Type.TensorType.ElemType == (int)DataType.Int64);

    private bool IsLastAxis(string axes) => _initializers.TryGetValue(axes, out var tensor) && RowGraph.Numbers(tensor) is [-1];

    private static long Int(NodeProto node, string name, long otherwise) => node.Attribute.FirstOrDefault(attribute => attribute.Name == name)?.I ?? otherwise;

    private NodeProto RegionOf(List<(NodeProto Node, string Type)> known)
    {
        var nodes = known.ConvertAll(one => one.Node);
        // Values are numbered: first what comes from outside, then what the nodes give, in the order in which they do.
        var written = nodes.SelectMany(node => node.Output).Where(name => name.Length > 0).ToHashSet();
        var inputs = nodes.SelectMany(ReadBy).Where(name => name.Length > 0 && !written.Contains(name)).Distinct().ToArray();
        var numbers = inputs.Index().ToDictionary(pair => pair.Item, pair => pair.Index);
        foreach (var name in nodes.SelectMany(node => node.Output).Where(name => name.Length > 0))
            numbers.Add(name, numbers.Count);
        var inside = nodes.ToHashSet();
        var outputs = nodes.SelectMany(node => node.Output.Select(name => (Name: name, Type: _integers.Contains(name) ? DataType.Int64 : DataType.Float)))
            .Where(output => _outputs.Contains(output.Name) || _readers[output.Name].Any(reader => !inside.Contains(reader))).ToArray();

        var stated = _graph.ValueInfo.Select(info => info.Name).Concat(_outputs).ToHashSet();
        _graph.ValueInfo.Add(outputs.Where(output => !stated.Contains(output.Name)).Select(output => new ValueInfoProto { Name = output.Name, Type = new() { TensorType = new() { ElemType = (int)output.Type } } }));
        return new NodeProto
        {
            Name = $"region_{_made++}",
            Domain = MoeFunctions.Domain,
            OpType = Region,
            Input = { inputs },
            Output = { outputs.Select(output => output.Name) },
            Attribute = { GraphParts.Text("program", string.Join('\n', known.Select(Line))), GraphParts.Text("outputs", string.Join(',', outputs.Select(output => numbers[output.Name]))) },
        };

        // The axes of a sum are known.
        IEnumerable<string> ReadBy(NodeProto node) => node.OpType == "ReduceSum" ? node.Input.Take(1) : node.Input;

        string Line((NodeProto Node, string Type) one) => string.Join('\t', [
            MoeFunctions.OpOf(one.Node.OpType), one.Type, string.Concat(one.Node.Name.Select(letter => char.IsControl(letter) ? ' ' : letter)),
            Numbers(ReadBy(one.Node)), Numbers(one.Node.Output), .. one.Node.Attribute.Select(attribute => $"{attribute.Name}={Value(attribute)}")]);

        string Numbers(IEnumerable<string> names) => string.Join(',', names.Select(name => name.Length > 0 ? numbers[name] : -1));
    }

    private static string Value(AttributeProto attribute) => attribute.Type switch
    {
        AttributeType.Int => attribute.I.ToString(CultureInfo.InvariantCulture),
        AttributeType.Float => attribute.F.ToString("R", CultureInfo.InvariantCulture),
        _ => attribute.S.ToStringUtf8(),
    };
}
