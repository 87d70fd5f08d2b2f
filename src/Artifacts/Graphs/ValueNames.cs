using Onnx;

namespace OnnxMoe.Artifacts.Graphs;

/// <summary>Reads and changes the names of values in nodes, also inside their subgraphs.</summary>
public static class ValueNames
{
    /// <summary>Renames a value wherever it is made or used.</summary>
    public static void Rename(IEnumerable<NodeProto> nodes, string from, string to)
    {
        foreach (var node in nodes)
        {
            Replace(node.Input, from, to);
            Replace(node.Output, from, to);
            foreach (var graph in Subgraphs(node))
                Rename(graph.Node, from, to);
        }
    }

    /// <summary>All values that a node reads: its inputs that are there, and what its subgraphs may take from outside.</summary>
    public static IEnumerable<string> UsedBy(NodeProto node) =>
        node.Input.Where(name => name.Length > 0).Concat(Subgraphs(node).SelectMany(graph => graph.Node.SelectMany(UsedBy).Concat(graph.Output.Select(output => output.Name))));

    /// <summary>The graphs that a node holds: the branches of If, the body of Loop.</summary>
    public static IEnumerable<GraphProto> Subgraphs(NodeProto node) =>
        node.Attribute.Where(attribute => attribute.G is not null).Select(attribute => attribute.G);

    private static void Replace(IList<string> names, string from, string to)
    {
        for (var i = 0; i < names.Count; i++)
        {
            if (names[i] == from)
                names[i] = to;
        }
    }
}
