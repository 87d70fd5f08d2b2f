using OnnxMoe.Trainer.Ops;

namespace OnnxMoe.Trainer.Layers;

/// <summary>What all attention layers of a forward pass share.</summary>
/// <param name="Positions">[B, S] int64.</param>
/// <param name="Mask">[B, P + S] int64, 0 for positions to ignore; null: none.</param>
/// <param name="Cos">[context length, head size / 2].</param>
/// <param name="Sin">[context length, head size / 2].</param>
public sealed record AttentionInput(Value Positions, Value? Mask, Value Cos, Value Sin);
