using OnnxMoe.Trainer.Ops;

namespace OnnxMoe.Trainer.Layers;

/// <summary>One layer's KV cache: rotated keys and values, each [B, kv heads, positions, head size].</summary>
public sealed record KeyValue(Value Key, Value Value);
