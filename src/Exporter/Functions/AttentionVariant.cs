namespace OnnxMoe.Exporter.Functions;

/// <summary>What the body of a CausalAttention function depends on.</summary>
internal sealed record AttentionVariant(long Heads, long KvHeads, bool Past, bool Mask);
