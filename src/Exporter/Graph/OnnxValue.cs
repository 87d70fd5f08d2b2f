using OnnxMoe.Artifacts.Tensors;
using OnnxMoe.Trainer.Ops;

namespace OnnxMoe.Exporter.Graph;

/// <summary>A tensor of an ONNX graph under construction: an input, an initializer or the output of a node.</summary>
public sealed class OnnxValue : Value
{
    internal OnnxValue(OnnxOps ops, string name, ElementType type) : base(ops) => (Name, Type) = (name, type);

    /// <summary>The name in the graph, unique in the model.</summary>
    public string Name { get; }

    public override ElementType Type { get; }

    public override string ToString() => $"{Name}: {Type}";
}
