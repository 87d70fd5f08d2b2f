using Onnx;
using OnnxMoe.Artifacts.Graphs;
using OnnxMoe.Trainer.Ops;

namespace OnnxMoe.Exporter.Graph;

/// <summary>
/// The structural rules of ONNX: every value is made once and before it is used, every operator exists and has the right
/// number of inputs and outputs, every function that is called is there.
/// </summary>
public static class GraphCheck
{
    /// <exception cref="InvalidOperationException">A rule is broken, which is a mistake of the exporter.</exception>
    internal static void Require(ExportedModel model)
    {
        if (Problem(model.Proto, model.Initializers.Select(initializer => initializer.Name)) is { } problem)
            throw new InvalidOperationException($"The exported graph is not valid: {problem}.");
    }

    /// <summary>The first broken rule of a model, or null.</summary>
    /// <param name="initializers">Names of initializers that are not in the message itself.</param>
    public static string? Problem(ModelProto model, IEnumerable<string>? initializers = null)
    {
        var functions = model.Functions.ToDictionary(function => (function.Domain, function.Name));
        var domains = model.OpsetImport.Select(import => import.Domain).ToHashSet();
        foreach (var function in model.Functions)
        {
            if (Nodes(function.Node, [.. function.Input], functions, domains, out var made) is { } problem)
                return $"in function {function.Name}, {problem}";
            if (function.Output.FirstOrDefault(output => !made.Contains(output)) is { } missing)
                return $"function {function.Name} does not compute its output '{missing}'";
        }
        var graph = model.Graph;
        var given = graph.Input.Select(input => input.Name).Concat(graph.Initializer.Select(tensor => tensor.Name)).Concat(initializers ?? []);
        return Graph(graph, [.. given], functions, domains);
    }

    private static string? Graph(GraphProto graph, HashSet<string> given, Dictionary<(string, string), FunctionProto> functions, HashSet<string> domains) =>
        Nodes(graph.Node, given, functions, domains, out var made)
        ?? (graph.Output.FirstOrDefault(output => !made.Contains(output.Name)) is { } missing ? $"the output '{missing.Name}' is never computed" : null);

    private static string? Nodes(IEnumerable<NodeProto> nodes, HashSet<string> given, Dictionary<(string, string), FunctionProto> functions,
        HashSet<string> domains, out HashSet<string> made)
    {
        made = given;
        foreach (var node in nodes)
        {
            if (node.Input.FirstOrDefault(input => input.Length > 0 && !given.Contains(input)) is { } undefined)
                return $"node '{node.Name}' ({node.OpType}) uses '{undefined}' before it is computed";
            if (Operator(node, functions, domains) is { } problem)
                return $"node '{node.Name}' ({node.OpType}) {problem}";
            foreach (var subgraph in ValueNames.Subgraphs(node))
            {
                if (Graph(subgraph, [.. given, .. subgraph.Input.Select(input => input.Name), .. subgraph.Initializer.Select(tensor => tensor.Name)],
                    functions, domains) is { } inside)
                    return $"in a subgraph of node '{node.Name}', {inside}";
            }
            if (node.Output.FirstOrDefault(output => output.Length > 0 && !given.Add(output)) is { } twice)
                return $"'{twice}' is computed twice";
        }
        return null;
    }

    private static string? Operator(NodeProto node, Dictionary<(string, string), FunctionProto> functions, HashSet<string> domains)
    {
        if (!domains.Contains(node.Domain))
            return $"is of the domain '{node.Domain}', which the model does not import";
        if (functions.TryGetValue((node.Domain, node.OpType), out var function))
            return node.Input.Count > function.Input.Count ? $"has {node.Input.Count} inputs, but the function has {function.Input.Count}" : null;
        if (node.Domain == OpSet.MoeDomain)
            return "calls a function that the model does not have";
        if (node.Domain.Length > 0)
            return null; // an operator of the runtime, which checks it at load
        if (OperatorSchema.Find(node.OpType) is not { } schema)
            return $"is not an operator of ONNX opset {OpSet.OnnxOpset}";
        return node.Input.Count < schema.LeastInputs || node.Input.Count > schema.MostInputs ? $"has {node.Input.Count} inputs"
            : node.Output.Count < schema.LeastOutputs || node.Output.Count > schema.MostOutputs ? $"has {node.Output.Count} outputs"
            : null;
    }
}
