using Onnx;
using OnnxMoe.Artifacts.Tensors;

namespace OnnxMoe.Exporter.Programs;

/// <summary>A graph or a function body: nodes in order, and after which node each value is no longer needed.</summary>
internal sealed class ProgramGraph
{
    private ProgramGraph(IReadOnlyList<string> inputs, IReadOnlyList<string> outputs, IReadOnlyList<ProgramNode> nodes, IReadOnlyDictionary<string, HostTensor> initializers)
    {
        (Inputs, Outputs, Nodes, Initializers) = (inputs, outputs, nodes, initializers);
        var own = new HashSet<string>(inputs.Concat(initializers.Keys));
        var free = new HashSet<string>();
        var last = new Dictionary<string, int>();
        for (var i = 0; i < nodes.Count; i++)
        {
            foreach (var name in nodes[i].Reads)
            {
                last[name] = i;
                if (!own.Contains(name))
                    free.Add(name);
            }
            own.UnionWith(nodes[i].Outputs);
        }
        free.UnionWith(outputs.Where(name => !own.Contains(name)));
        Free = free;
        Dying = [.. nodes.Select(_ => new List<string>())];
        for (var i = 0; i < nodes.Count; i++)
        {
            foreach (var name in nodes[i].Outputs.Where(name => name.Length > 0 && !outputs.Contains(name)))
                Dying[Math.Max(i, last.GetValueOrDefault(name, i))].Add(name);
        }
    }

    public IReadOnlyList<string> Inputs { get; }

    public IReadOnlyList<string> Outputs { get; }

    public IReadOnlyList<ProgramNode> Nodes { get; }

    public IReadOnlyDictionary<string, HostTensor> Initializers { get; }

    /// <summary>Names that come from the graph around this one.</summary>
    public IReadOnlySet<string> Free { get; }

    /// <summary>For each node the names of node outputs that nothing after it reads.</summary>
    public IReadOnlyList<List<string>> Dying { get; }

    public static ProgramGraph From(GraphProto graph, string? folder)
    {
        var initializers = graph.Initializer.ToDictionary(t => t.Name, t => TensorProtoFile.ToHost(t, folder));
        if (graph.SparseInitializer.Count > 0)
            throw new Artifacts.UserError($"The graph '{graph.Name}' has sparse initializers, which are not supported.");
        return new ProgramGraph([.. graph.Input.Select(i => i.Name)], [.. graph.Output.Select(o => o.Name)],
            [.. graph.Node.Select(node => ProgramNode.From(node, folder))], initializers);
    }

    public static ProgramGraph From(FunctionProto function, string? folder) =>
        new([.. function.Input], [.. function.Output], [.. function.Node.Select(node => ProgramNode.From(node, folder))], new Dictionary<string, HostTensor>());
}
