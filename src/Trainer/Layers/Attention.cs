using OnnxMoe.Trainer.Ops;

namespace OnnxMoe.Trainer.Layers;

/// <summary>Causal grouped-query self-attention with rotary embeddings (Ainslie et al. 2023; Su et al. 2021).</summary>
public sealed class Attention : Layer
{
    private readonly int _heads;
    private readonly int _kvHeads;
    private readonly long[] _widths;
    private readonly Weight _qkv;
    private readonly Weight _output;

    public Attention(LayerScope scope, int size, int heads, int kvHeads, double deviation) : base(scope)
    {
        (_heads, _kvHeads) = (heads, kvHeads);
        var headSize = size / heads;
        _widths = [size, kvHeads * headSize, kvHeads * headSize];
        _qkv = scope.Normal("qkv", deviation, size, _widths.Sum());
        _output = scope.Normal("output", deviation, size, size);
    }

    /// <summary>The four projections, and for each attended token a product with its key and one with its value.</summary>
    public override IEnumerable<TokenCost> CostOfToken(CostContext context) =>
        [new("attention", 2.0 * (_qkv.Parameter.numel() + _output.Parameter.numel()) + 4.0 * _widths[0] * context.Attended)];

    /// <param name="x">[B, S, D], normalized.</param>
    /// <param name="input">Positions, mask and the rotation tables.</param>
    /// <param name="past">The layer's cache, or null.</param>
    /// <returns>[B, S, D] and the grown cache.</returns>
    public (Value Output, KeyValue Present) Forward(Value x, AttentionInput input, KeyValue? past)
    {
        var parts = x.MatMul(_qkv).Split(-1, _widths);
        var (context, key, value) = parts[0].CausalAttention(parts[1], parts[2], past?.Key, past?.Value, input.Mask, input.Positions,
            input.Cos, input.Sin, _heads, _kvHeads);
        return (context.MatMul(_output), new KeyValue(key, value));
    }
}
