using System.Runtime.InteropServices;
using Onnx;
using OnnxMoe.Artifacts.Graphs;
using static Onnx.TensorProto.Types;

namespace OnnxMoe.Serving.Paging;

/// <summary>
/// Takes the batch dimension out of a <see cref="PagedModel"/>, where it is always 1: values [1, N, D] become [N, D], so that the nodes that only reshape
/// the one into the other go away. At one token a step they take as long as what stands between them.
/// </summary>
internal sealed class RowGraph
{
    private static readonly HashSet<string> TokenWise =
    [
        "Abs", "Add", "Cast", "Clip", "Cos", "Div", "Erf", "Exp", "Identity", "Log", "Max", "Min", "Mul", "Neg", "Pow", "Reciprocal", "Relu", "Sigmoid", "Sin",
        "Softplus", "Sqrt", "Sub", "Tanh",
    ];

    private readonly GraphProto _graph;
    private readonly Dictionary<string, TensorProto> _initializers;
    private readonly HashSet<string> _numbers = []; // [1, N], to become [N]
    private readonly HashSet<string> _rows = []; // [1, N, D], to become [N, D]
    private readonly Dictionary<string, long> _widths = []; // D of those, and of what was [N, D] before
    private readonly Dictionary<string, string> _shapes = []; // a shape, and the value whose it is; "" for that of [1, N] with -1 behind
    private readonly Dictionary<string, string> _same = []; // what is dropped, and what it is now

    private RowGraph(GraphProto graph) => (_graph, _initializers) = (graph, graph.Initializer.ToDictionary(tensor => tensor.Name));

    /// <summary>Changes the model in place. A model in which something would notice the missing dimension stays as it is.</summary>
    public static bool TryUse(ModelProto model)
    {
        var changed = model.Graph.Clone();
        if (!new RowGraph(changed).TryChange())
            return false;
        model.Graph = changed;
        return true;
    }

    private bool TryChange()
    {
        foreach (var input in _graph.Input.Where(input => input.Type.TensorType.Shape.Dim is [{ DimValue: 1 }, { DimParam.Length: > 0 }]))
        {
            input.Type.TensorType.Shape.Dim.RemoveAt(0);
            _numbers.Add(input.Name);
        }
        var dropped = new List<NodeProto>();
        foreach (var node in _graph.Node)
        {
            if (TryDrop(node))
                dropped.Add(node);
            else if (!TryKeep(node))
                return false;
        }
        dropped.ForEach(node => _graph.Node.Remove(node));
        foreach (var node in _graph.Node)
            for (var i = 0; i < node.Input.Count; i++)
                node.Input[i] = Now(node.Input[i]);
        RemoveUnread();
        foreach (var output in _graph.Output)
        {
            if (_same.ContainsKey(output.Name))
                Name(Now(output.Name), output.Name);
            if (_rows.Contains(output.Name))
                output.Type.TensorType.Shape.Dim.RemoveAt(0);
        }
        return true;
    }

    /// <summary>Whether it only makes [N, D] of [1, N, D], or the other way round.</summary>
    private bool TryDrop(NodeProto node)
    {
        if (node.OpType != "Reshape" || !_widths.TryGetValue(node.Input[0], out var width))
            return false;
        var (isRow, output) = (_rows.Contains(node.Input[0]), node.Output[0]);
        var flattens = isRow && Numbers(node.Input[1]) is [-1, var columns] && columns == width;
        var unflattens = !isRow && _shapes.TryGetValue(node.Input[1], out var like) && (like.Length == 0 || (_widths.TryGetValue(like, out var columnsOf) && columnsOf == width));
        if (!flattens && !unflattens)
            return false;
        _same[output] = node.Input[0];
        _widths[output] = width;
        if (unflattens)
            _rows.Add(output);
        return true;
    }

    /// <summary>Whether the node does the same without the dimension; notes what its outputs are.</summary>
    private bool TryKeep(NodeProto node)
    {
        var used = ValueNames.UsedBy(node).ToArray();
        var (rows, numbers) = (used.Any(_rows.Contains), used.Any(_numbers.Contains));
        if (used.Any(_shapes.ContainsKey))
        {
            // The shape of the ids and a size to be found out: the shape of something for each token.
            if (node is not { OpType: "Concat", Input: [var first, var second] } || !_shapes.TryGetValue(first, out var of) || !_numbers.Contains(of) || Numbers(second) is not [-1])
                return false;
            _shapes[node.Output[0]] = "";
            return true;
        }
        if (node is { OpType: "Shape", Attribute.Count: 0 } && (_numbers.Contains(node.Input[0]) || _rows.Contains(node.Input[0])))
        {
            _shapes[node.Output[0]] = node.Input[0];
            return true;
        }
        var known = WidthOf(node) is { } width;
        if (!rows && !numbers)
        {
            // What was [N, D] before is so still, whatever happens to it; what comes of it may be of use.
            if (known)
                Note(node, false);
            return true;
        }
        if (!known)
            return node is { OpType: "Reshape" } && !numbers && Numbers(node.Input[1]) is { Length: > 0 } target && !target.Contains(0);
        if (node.Name == PagedModel.ChooseTokens)
            node.Attribute[0].I = 0;
        Note(node, true);
        return true;
    }

    private void Note(NodeProto node, bool rows)
    {
        foreach (var output in node.Output.Where(name => name.Length > 0))
        {
            if (WidthOf(node) is { } width)
                _widths[output] = width;
            if (rows)
                _rows.Add(output);
        }
    }

    /// <summary>D of what a node gives for each token, if it works token by token, on [1, N, D] as on [N, D]; 0 where it does but D is not known.</summary>
    private long? WidthOf(NodeProto node)
    {
        if (node.Attribute.Any(attribute => attribute.G is not null))
            return null;
        long? First() => _widths.TryGetValue(node.Input[0], out var width) ? width : null;
        long? Of(int matrix) => First() is not null && _initializers.TryGetValue(node.Input[matrix], out var tensor) && tensor.Dims.Count == 2 ? tensor.Dims[1] : null;
        if (node.Domain == MoeFunctions.Domain)
        {
            return MoeFunctions.OpOf(node.OpType) switch
            {
                NativeAttention.Op => First(),
                MoeFunctions.Linear or MoeFunctions.QuantizedLinear => Of(1),
                MoeFunctions.GroupedFfn or MoeFunctions.QuantizedGroupedFfn => node.Input.Any(_rows.Contains) ? null : First(),
                _ => null,
            };
        }
        if (node.Domain.Length > 0)
            return null;
        var axis = node.Attribute.FirstOrDefault(attribute => attribute.Name == "axis")?.I;
        switch (node.OpType)
        {
            case "Gather" when node.Name == PagedModel.ChooseTokens:
                return First();
            case "Gather":
                return axis is null or 0 && _numbers.Contains(node.Input[1]) && _initializers.TryGetValue(node.Input[0], out var table) && table.Dims.Count == 2 ? table.Dims[1] : null;
            case "MatMul":
                return Of(1);
            case "Softmax" or "LogSoftmax":
                return axis is null or -1 ? First() : null;
            case "Split" or "TopK":
                return axis is -1 || (axis is null && node.OpType == "TopK") ? First() is null ? null : 0 : null;
            case "ReduceMean" or "ReduceMax" or "ReduceSum":
                var axes = node.Input.Count > 1 ? Numbers(node.Input[1]) : [.. node.Attribute.FirstOrDefault(attribute => attribute.Name == "axes")?.Ints ?? []];
                return First() is not null && axes is [-1] && node.Attribute.All(attribute => attribute.Name != "keepdims" || attribute.I == 1) ? 1 : null;
            case var op when TokenWise.Contains(op):
                var widths = node.Input.Where(input => input.Length > 0 && !IsSmall(input)).Select(input => _widths.TryGetValue(input, out var width) ? width : -1).ToArray();
                return widths.Length > 0 && widths.Min() >= 0 ? widths.Min() == 0 ? 0 : widths.Max() : null;
            default:
                return null;
        }
    }

    /// <summary>Removes the shapes that nothing reads any more.</summary>
    private void RemoveUnread()
    {
        var used = _graph.Output.Select(output => Now(output.Name)).ToHashSet();
        foreach (var node in _graph.Node.Reverse().ToArray())
        {
            if (node.Output.Any(used.Contains))
                used.UnionWith(ValueNames.UsedBy(node));
            else
                _graph.Node.Remove(node);
        }
    }

    /// <summary>Gives a value the name of an output.</summary>
    private void Name(string value, string output)
    {
        if (_graph.Output.Any(other => other.Name == value) || _graph.Node.All(node => !node.Output.Contains(value)))
            _graph.Node.Add(new NodeProto { Name = $"Identity_{output}", OpType = "Identity", Input = { value }, Output = { output } });
        else
            ValueNames.Rename(_graph.Node, value, output);
        foreach (var (gone, now) in _same.Where(pair => pair.Value == value).ToArray())
            _same[gone] = output;
    }

    private string Now(string name)
    {
        while (_same.TryGetValue(name, out var now) && now != name)
            name = now;
        return name;
    }

    private bool IsSmall(string name) => _initializers.TryGetValue(name, out var tensor) && tensor.Dims.Count <= 1;

    private long[] Numbers(string name) => _initializers.TryGetValue(name, out var tensor) ? Numbers(tensor) : [];

    /// <summary>What an initializer of 64-bit integers holds, if it is in the file itself.</summary>
    public static long[] Numbers(TensorProto tensor) => tensor.DataType != (int)DataType.Int64 || tensor.ExternalData.Count > 0 ? []
        : tensor.RawData.Length > 0 ? MemoryMarshal.Cast<byte, long>(tensor.RawData.Span).ToArray() : [.. tensor.Int64Data];
}
