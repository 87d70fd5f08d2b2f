using OnnxMoe.Trainer.Ops;

namespace OnnxMoe.Exporter.Lowering;

/// <summary>The inputs and attributes of <see cref="FusedOps.CausalAttention"/>.</summary>
internal sealed record AttentionCall(Value Query, Value Key, Value Value, Value? PastKey, Value? PastValue, Value? Mask,
    Value Positions, Value Cos, Value Sin, long Heads, long KvHeads);
