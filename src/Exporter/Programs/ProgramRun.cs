using System.Runtime.InteropServices;
using OnnxMoe.Artifacts;
using OnnxMoe.Artifacts.Graphs;
using OnnxMoe.Artifacts.Tensors;
using OnnxMoe.Trainer.Ops;
using static TorchSharp.torch;

namespace OnnxMoe.Exporter.Programs;

/// <summary>One walk over a program's nodes.</summary>
internal sealed class ProgramRun(OnnxProgram program, OpSet ops)
{
    /// <summary>Computes the nodes of <paramref name="graph"/> into <paramref name="values"/>, letting go of what is no longer needed.</summary>
    public void Execute(ProgramGraph graph, ProgramValues values, int opset, Attributes? call)
    {
        for (var i = 0; i < graph.Nodes.Count; i++)
        {
            var node = graph.Nodes[i];
            var results = Guard(node, () => Apply(node, values, opset, call));
            for (var o = 0; o < node.Outputs.Length; o++)
            {
                if (node.Outputs[o].Length > 0)
                    values[node.Outputs[o]] = o < results.Length ? results[o] : throw new UserError($"The {node.Title} has no output {o} here.");
            }
            foreach (var name in graph.Dying[i])
                values.Release(name);
        }
    }

    private Value[] Apply(ProgramNode node, ProgramValues values, int opset, Attributes? call)
    {
        switch (node.Op)
        {
            case "If" when node.Domain.Length == 0:
                return new Branches(this, ops).If(node, values, opset, call);
            case "Loop" when node.Domain.Length == 0:
                return new Branches(this, ops).Loop(node, values, opset, call);
        }
        var inputs = Array.ConvertAll(node.Inputs, values.Find);
        var attributes = node.AttributesIn(call);
        if (MoeFunctions.IsOp(node.Domain, node.Op))
            return ops.Apply(MoeFunctions.OpOf(node.Op), inputs, attributes, node.Outputs.Length, MoeFunctions.Domain);
        if (program.Functions.TryGetValue((node.Domain, node.Op), out var function))
            return CallFunction(function, inputs, attributes);
        if (ops is not TorchOps)
            return OpsetAdapter.Apply(ops, node, inputs, attributes, opset);

        using var scope = NewDisposeScope();
        var results = OpsetAdapter.Apply(ops, node, inputs, attributes, opset);
        foreach (var result in results.OfType<TorchValue>())
        {
            if (result.IsComputed && scope.Contains(result.Tensor))
                scope.MoveToOuter(result.Tensor);
        }
        return results;
    }

    private Value[] CallFunction(ProgramFunction function, Value?[] inputs, Attributes attributes)
    {
        var values = new ProgramValues(null);
        for (var i = 0; i < function.Body.Inputs.Count; i++)
            values[function.Body.Inputs[i]] = i < inputs.Length ? inputs[i] : null;
        Execute(function.Body, values, function.Opset, function.With(attributes));
        return Results(function.Body, values);
    }

    /// <summary>The outputs of an inner graph as values of their own: one that only passes through must not be freed twice.</summary>
    public Value[] Results(ProgramGraph graph, ProgramValues values) =>
        [.. graph.Outputs.Select(name => ops.Apply("Identity", [values.Find(name)])[0])];

    /// <summary>Says in which node an error of the engine happened.</summary>
    private static Value[] Guard(ProgramNode node, Func<Value[]> apply)
    {
        try
        {
            return apply();
        }
        catch (UserError problem)
        {
            throw problem.Message.Contains("In the model's ", StringComparison.Ordinal) ? problem : new UserError($"In the model's {node.Title}: {problem.Message}", problem);
        }
        catch (Exception problem) when (problem is ExternalException or ArgumentException or InvalidOperationException or IndexOutOfRangeException or InvalidCastException or NotSupportedException)
        {
            throw new UserError($"In the model's {node.Title}: {problem.Message.Split('\n')[0]}", problem);
        }
    }
}
