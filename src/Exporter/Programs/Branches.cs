using OnnxMoe.Artifacts;
using OnnxMoe.Artifacts.Tensors;
using OnnxMoe.Trainer.Ops;

namespace OnnxMoe.Exporter.Programs;

/// <summary>Control flow: it needs computed conditions, so it runs only where values are computed at once.</summary>
internal sealed class Branches(ProgramRun run, OpSet ops)
{
    public Value[] If(ProgramNode node, ProgramValues values, int opset, Attributes? call)
    {
        var branch = node.Graphs[IsTrue(node, values.Find(node.Inputs[0])!) ? "then_branch" : "else_branch"];
        var inner = Open(branch, values);
        run.Execute(branch, inner, opset, call);
        return run.Results(branch, inner);
    }

    /// <summary>Loop: body (iteration, condition, carried...) -> (condition, carried..., scanned...); scanned values are stacked.</summary>
    public Value[] Loop(ProgramNode node, ProgramValues values, int opset, Attributes? call)
    {
        var body = node.Graphs["body"];
        var limit = values.Find(node.Inputs[0]) is { } count ? Known(node, count).Integers[0] : long.MaxValue;
        var condition = node.Inputs.Length < 2 || values.Find(node.Inputs[1]) is not { } first || IsTrue(node, first);
        var carried = node.Inputs.Skip(2).Select(name => ops.Apply("Identity", [values.Find(name)])[0]).ToArray();
        var scanned = Enumerable.Range(0, body.Outputs.Count - 1 - carried.Length).Select(_ => new List<Value>()).ToArray();
        for (var i = 0L; i < limit && condition; i++)
        {
            var inner = Open(body, values);
            inner[body.Inputs[0]] = ops.Constant(HostTensor.Scalar(i));
            inner[body.Inputs[1]] = ops.Constant(HostTensor.Scalar(true));
            for (var c = 0; c < carried.Length; c++)
                inner[body.Inputs[c + 2]] = carried[c];
            run.Execute(body, inner, opset, call);
            var results = run.Results(body, inner);
            condition = IsTrue(node, results[0]);
            carried = results[1..(1 + carried.Length)];
            for (var s = 0; s < scanned.Length; s++)
                scanned[s].Add(ops.Apply("Unsqueeze", [results[1 + carried.Length + s], ops.Ints(0)])[0]);
        }
        if (scanned.Any(list => list.Count == 0))
            throw new UserError($"The {node.Title} never ran, so that its scanned outputs have no known shape.");
        return [.. carried, .. scanned.Select(list => ((IReadOnlyList<Value>)list).Concat(0))];
    }

    private ProgramValues Open(ProgramGraph graph, ProgramValues outer)
    {
        var inner = new ProgramValues(outer);
        foreach (var (name, tensor) in graph.Initializers)
            inner[name] = ops.Constant(tensor);
        return inner;
    }

    private static bool IsTrue(ProgramNode node, Value condition) => Known(node, condition).Integers[0] != 0;

    private static TorchValue Known(ProgramNode node, Value value) => value as TorchValue
        ?? throw new UserError($"The {node.Title} is control flow, which can be computed but not written again.");
}
