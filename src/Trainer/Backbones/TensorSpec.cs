using OnnxMoe.Artifacts.Tensors;

namespace OnnxMoe.Trainer.Backbones;

/// <summary>An input or output of a model: its name, element type and dimensions, each a number or the name of a run-time size.</summary>
public sealed record TensorSpec(string Name, ElementType Type, params string[] Dimensions);
