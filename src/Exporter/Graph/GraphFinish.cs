using Onnx;
using OnnxMoe.Artifacts.Graphs;
using OnnxMoe.Trainer.Backbones;
using OnnxMoe.Trainer.Ops;

namespace OnnxMoe.Exporter.Graph;

/// <summary>Closes a graph under construction: names the outputs, drops what no output needs, describes inputs and outputs.</summary>
internal static class GraphFinish
{
    public static (GraphProto Graph, IReadOnlyList<Initializer> Initializers) Finish(OnnxOps ops, string name,
        IReadOnlyList<TensorSpec> inputs, IReadOnlyList<TensorSpec> outputs, IReadOnlyDictionary<string, Value> values)
    {
        var graph = new GraphProto { Name = name };
        graph.Input.AddRange(inputs.Select(Describe));
        graph.Output.AddRange(outputs.Select(Describe));
        foreach (var output in outputs)
        {
            if (!values.TryGetValue(output.Name, out var value))
                throw new InvalidOperationException($"The model declares the output '{output.Name}' but does not compute it.");
            if (value.Type != output.Type)
                throw new InvalidOperationException($"The model declares the output '{output.Name}' as {output.Type} but computes {value.Type}.");
        }
        NameOutputs(ops, outputs, values);
        var (nodes, used) = Needed(ops.Nodes, outputs.Select(output => output.Name));
        graph.Node.AddRange(nodes);
        return (graph, [.. ops.Initializers!.Values.Where(initializer => used.Contains(initializer.Name)), .. inputs.Select(DefaultOf).OfType<Initializer>()]);
    }

    /// <summary>
    /// The initializer that makes an input one that callers may leave out. It is written even where no node reads the input, and while the
    /// graph is made nothing knows it, so that nothing is folded with it.
    /// </summary>
    private static Initializer? DefaultOf(TensorSpec input)
    {
        if (input.Default is not { } value)
            return null;
        if (value.Type != input.Type || value.Shape.Length != input.Dimensions.Length
            || value.Shape.Zip(input.Dimensions).Any(size => long.TryParse(size.Second, out var number) && number != size.First))
            throw new InvalidOperationException($"The model declares the input '{input.Name}' as {input.Type}[{string.Join(",", input.Dimensions)}], but its default is {value}.");
        return new Initializer(input.Name, value.Type, value.Shape, () => value);
    }

    private static void NameOutputs(OnnxOps ops, IReadOnlyList<TensorSpec> outputs, IReadOnlyDictionary<string, Value> values)
    {
        var made = ops.Nodes.SelectMany(node => node.Output).ToHashSet();
        var renamed = new Dictionary<string, string>();
        foreach (var output in outputs)
        {
            var current = ((OnnxValue)values[output.Name]).Name;
            if (made.Remove(current))
            {
                ValueNames.Rename(ops.Nodes, current, output.Name);
                renamed[current] = output.Name;
                continue;
            }
            // An input, an initializer, or a value that is already another output.
            var identity = new NodeProto { OpType = "Identity", Name = $"Identity_{output.Name}" };
            identity.Input.Add(renamed.GetValueOrDefault(current, current));
            identity.Output.Add(output.Name);
            ops.Nodes.Add(identity);
        }
    }

    /// <summary>The nodes that the outputs depend on, in their order, and all names they use.</summary>
    private static (List<NodeProto> Nodes, HashSet<string> Used) Needed(List<NodeProto> nodes, IEnumerable<string> outputs)
    {
        var used = outputs.ToHashSet();
        var needed = new List<NodeProto>();
        foreach (var node in Enumerable.Reverse(nodes))
        {
            if (!node.Output.Any(used.Contains))
                continue;
            needed.Add(node);
            used.UnionWith(ValueNames.UsedBy(node));
        }
        needed.Reverse();
        return (needed, used);
    }

    private static ValueInfoProto Describe(TensorSpec spec)
    {
        var shape = new TensorShapeProto();
        foreach (var size in spec.Dimensions)
        {
            shape.Dim.Add(long.TryParse(size, out var number)
                ? new TensorShapeProto.Types.Dimension { DimValue = number }
                : new TensorShapeProto.Types.Dimension { DimParam = size });
        }
        return new ValueInfoProto
        {
            Name = spec.Name,
            Type = new TypeProto { TensorType = new TypeProto.Types.Tensor { ElemType = (int)spec.Type, Shape = shape } },
        };
    }
}
