using OnnxMoe.Trainer.Ops;

namespace OnnxMoe.Trainer.Cells;

/// <summary>An operation that an edge runs in a pass.</summary>
/// <param name="Op">Its number among the candidates.</param>
/// <param name="Weight">What its result is multiplied by, a tensor of one element; null: 1.</param>
public readonly record struct GatedOp(int Op, Value? Weight = null);
