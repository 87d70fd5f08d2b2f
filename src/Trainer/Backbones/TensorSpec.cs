using OnnxMoe.Artifacts.Tensors;

namespace OnnxMoe.Trainer.Backbones;

/// <summary>An input or output of a model: its name, element type and dimensions, each a number or the name of a run-time size.</summary>
public sealed record TensorSpec(string Name, ElementType Type, params string[] Dimensions)
{
    /// <summary>For an input that callers may leave out: what it is then. In a file it is an input with an initializer of the same name.</summary>
    public HostTensor? Default { get; init; }
}
