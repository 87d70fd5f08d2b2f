using OnnxMoe.Exporter.Graph;
using OnnxMoe.Trainer.Ops;

namespace OnnxMoe.Exporter.Lowering;

/// <summary>The rule inside function bodies and subgraphs: standard ONNX, nothing else.</summary>
internal sealed class StandardOnly : TargetLowering
{
    public static readonly StandardOnly Instance = new();

    public override Value[] Lower(OnnxOps ops, string op, Value?[] inputs, Attributes attributes, int outputs) =>
        throw new InvalidOperationException($"{op} inside a function body or subgraph.");
}
