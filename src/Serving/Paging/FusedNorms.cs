using System.Runtime.InteropServices;
using Onnx;

namespace OnnxMoe.Serving.Paging;

/// <summary>
/// Makes one node of a root-mean-square normalization, together with the residual addition before it where there is one: ONNX Runtime's
/// SimplifiedLayerNormalization, and SkipSimplifiedLayerNormalization, which gives the sum as well.
/// </summary>
internal static class FusedNorms
{
    /// <summary>The domain of <see cref="WithSum"/>.</summary>
    public const string Domain = "com.microsoft";

    /// <summary>The operator for a sum and its normalization.</summary>
    public const string WithSum = "SkipSimplifiedLayerNormalization";

    /// <summary>The operator for a normalization alone; its domain is ONNX's.</summary>
    public const string Alone = "SimplifiedLayerNormalization";

    /// <summary>Changes the graph in place.</summary>
    public static void Use(ModelProto model)
    {
        var graph = model.Graph;
        var initializers = graph.Initializer.ToDictionary(tensor => tensor.Name);
        var readers = graph.Node.SelectMany(node => node.Input.Distinct().Select(input => (input, node))).ToLookup(pair => pair.input, pair => pair.node);
        var outputs = graph.Output.Select(output => output.Name).ToHashSet();
        foreach (var add in graph.Node.Where(node => node.OpType == "Add" && !node.Input.Any(initializers.ContainsKey)).ToArray())
        {
            if (Norm(add.Output[0]) is not var (nodes, scale, epsilon))
                continue;
            var fused = new NodeProto
            {
                Name = $"{add.Name}/norm",
                Domain = Domain,
                OpType = WithSum,
                Input = { add.Input[0], add.Input[1], scale },
                Output = { nodes[^1].Output[0], "", "", add.Output[0] },
                Attribute = { GraphParts.Float("epsilon", epsilon) },
            };
            graph.Node[graph.Node.IndexOf(add)] = fused;
            foreach (var node in nodes)
                graph.Node.Remove(node);
        }
        foreach (var square in graph.Node.Where(node => node.OpType == "Pow").ToArray())
        {
            if (Norm(square.Input[0]) is not var (nodes, scale, epsilon) || nodes[0] != square)
                continue;
            graph.Node[graph.Node.IndexOf(square)] = new NodeProto { Name = $"{square.Name}/norm", OpType = Alone, Input = { square.Input[0], scale }, Output = { nodes[^1].Output[0] }, Attribute = { GraphParts.Float("epsilon", epsilon) } };
            foreach (var node in nodes)
                graph.Node.Remove(node);
        }
        if (model.OpsetImport.All(import => import.Domain != Domain))
            model.OpsetImport.Add(new OperatorSetIdProto { Domain = Domain, Version = 1 });

        // x / sqrt(mean(x^2) + epsilon) * scale, whose inner values nothing else reads.
        (NodeProto[] Nodes, string Scale, float Epsilon)? Norm(string x)
        {
            if (readers[x].FirstOrDefault(node => node.OpType == "Pow" && Number(node.Input[1]) == 2) is not { } square || Next(square, "ReduceMean") is not { } mean
                || Next(mean, "Add") is not { } shifted || Next(shifted, "Sqrt") is not { } root || Next(root, "Div") is not { } quotient || Next(quotient, "Mul") is not { } scaled)
                return null;
            var axes = mean.Attribute.FirstOrDefault(attribute => attribute.Name == "axes")?.Ints;
            var scale = scaled.Input.FirstOrDefault(initializers.ContainsKey);
            return axes is [-1] && mean.Attribute.All(attribute => attribute.Name != "keepdims" || attribute.I == 1) && Number(shifted.Input[1]) is { } epsilon
                && quotient.Input[0] == x && scale is not null && initializers[scale].Dims.Count == 1
                ? ([square, mean, shifted, root, quotient, scaled], scale, epsilon)
                : null;
        }

        NodeProto? Next(NodeProto node, string op) =>
            !outputs.Contains(node.Output[0]) && readers[node.Output[0]].ToArray() is [var reader] && reader.Domain.Length == 0 && reader.OpType == op ? reader : null;

        float? Number(string name) => !initializers.TryGetValue(name, out var tensor) || tensor.DataType != (int)TensorProto.Types.DataType.Float || tensor.ExternalData.Count > 0 ? null
            : tensor.RawData.Length == sizeof(float) ? MemoryMarshal.Read<float>(tensor.RawData.Span) : tensor.FloatData is [var number] ? number : null;
    }
}
