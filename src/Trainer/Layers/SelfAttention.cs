using OnnxMoe.Trainer.Ops;

namespace OnnxMoe.Trainer.Layers;

/// <summary>Bidirectional multi-head self-attention with rotary embeddings (Vaswani et al. 2017; Su et al. 2021), for encoders.</summary>
public sealed class SelfAttention(LayerScope scope, int size, int heads, double deviation) : Attention(scope)
{
    private readonly Weight _qkv = scope.Normal("qkv", deviation, size, 3 * size);
    private readonly Weight _output = scope.Normal("output", deviation, size, size);

    /// <inheritdoc cref="CausalSelfAttention.CostOfToken"/>
    public override IEnumerable<TokenCost> CostOfToken(CostContext context) => [new("attention", 8.0 * size * size + 4.0 * size * context.Attended)];

    public override Value Forward(Value x, ForwardContext context)
    {
        var input = context.Attention;
        var (cosine, sine) = (input.Cos.Gather(input.Positions).Unsqueeze(1), input.Sin.Gather(input.Positions).Unsqueeze(1)); // [B, 1, S, d / 2]
        var parts = x.MatMul(_qkv).Split(-1, size, size, size);
        Value Heads(Value part) => part.Reshape(0, 0, heads, -1).Transpose(0, 2, 1, 3); // [B, H, S, d]
        var mixed = Compositions.MaskedAttention(Compositions.Rotate(Heads(parts[0]), cosine, sine), Compositions.Rotate(Heads(parts[1]), cosine, sine),
            Heads(parts[2]), input.Mask?.Cast(Artifacts.Tensors.ElementType.Bool).Unsqueeze(1, 2));
        return mixed.Transpose(0, 2, 1, 3).Reshape(0, 0, -1).MatMul(_output);
    }
}
