using Onnx;
using OnnxMoe.Artifacts.Graphs;
using OnnxMoe.Exporter.Graph;
using OnnxMoe.Trainer.Ops;

namespace OnnxMoe.Exporter.Functions;

/// <summary>Moves the nodes made by <see cref="OnnxOps"/> into a function.</summary>
internal static class FunctionBody
{
    /// <summary>Adds the nodes, in which <paramref name="result"/> takes the name of the function's output.</summary>
    public static FunctionProto Finish(FunctionProto function, OnnxOps ops, Value result)
    {
        ValueNames.Rename(ops.Nodes, ((OnnxValue)result).Name, function.Output[0]);
        function.Node.Add(ops.Nodes);
        return function;
    }
}
