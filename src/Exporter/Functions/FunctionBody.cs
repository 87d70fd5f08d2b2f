using Onnx;
using OnnxMoe.Artifacts.Graphs;
using OnnxMoe.Exporter.Graph;
using OnnxMoe.Trainer.Ops;

namespace OnnxMoe.Exporter.Functions;

/// <summary>Moves the nodes made by <see cref="OnnxOps"/> into a function.</summary>
internal static class FunctionBody
{
    /// <summary>Adds the nodes, in which the results take the names of the function's outputs.</summary>
    public static FunctionProto Finish(FunctionProto function, OnnxOps ops, IReadOnlyList<Value> results)
    {
        for (var i = 0; i < results.Count; i++)
            ValueNames.Rename(ops.Nodes, ((OnnxValue)results[i]).Name, function.Output[i]);
        function.Node.Add(ops.Nodes);
        return function;
    }
}
