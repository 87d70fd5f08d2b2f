using OnnxMoe.Artifacts.Tensors;
using OnnxMoe.Trainer.Ops;

namespace OnnxMoe.Trainer.Layers;

/// <summary>Bidirectional multi-head self-attention with rotary embeddings (Vaswani et al. 2017; Su et al. 2021), for encoders.</summary>
public sealed class SelfAttention : Attention
{
    private readonly int _headSize;
    private readonly AttentionParts _parts;
    private readonly Weight _qkv;
    private readonly Weight _output;
    private int _width;
    private int _heads;

    /// <param name="scope">Of its weights.</param>
    /// <param name="size">D.</param>
    /// <param name="heads">Heads.</param>
    /// <param name="deviation">Of the initial weights.</param>
    /// <param name="headSize">Of a head; 0: the heads share D.</param>
    public SelfAttention(LayerScope scope, int size, int heads, double deviation, int headSize = 0) : base(scope)
    {
        (_width, _heads, _headSize) = (size, heads, headSize == 0 ? size / heads : headSize);
        _parts = Used;
        _qkv = scope.Normal("qkv", deviation, size, _parts.Total);
        _output = scope.Normal("output", deviation, _parts.Queries, size);
    }

    private AttentionParts Used => new(_heads * _headSize, _heads * _headSize);

    /// <inheritdoc cref="CausalSelfAttention.CostOfToken"/>
    public override IEnumerable<TokenCost> CostOfToken(CostContext context) => [new("attention", (8.0 * _width * Used.Queries) + (4.0 * Used.Queries * context.Attended))];

    public override void Use(BlockSizes sizes)
    {
        (_width, _heads) = (sizes.Width, sizes.Heads);
        _qkv.Part = new WeightPart([(0, _width)], _parts.First(Used));
        _output.Use(Used.Queries, _width);
    }

    public override Value Forward(Value x, ForwardContext context)
    {
        var input = context.Attention;
        var (cosine, sine) = (input.Cos.Gather(input.Positions).Unsqueeze(1), input.Sin.Gather(input.Positions).Unsqueeze(1)); // [B, 1, S, d / 2]
        var parts = x.MatMul(_qkv).Split(-1, Used.Widths);
        context.WatchProjections?.Invoke(parts);
        Value Heads(Value part) => part.Reshape(0, 0, _heads, -1).Transpose(0, 2, 1, 3); // [B, H, S, d]
        var mixed = Compositions.MaskedAttention(Compositions.Rotate(Heads(parts[0]), cosine, sine), Compositions.Rotate(Heads(parts[1]), cosine, sine),
            Heads(parts[2]), input.Mask?.Cast(ElementType.Bool).Unsqueeze(1, 2));
        return mixed.Transpose(0, 2, 1, 3).Reshape(0, 0, -1).MatMul(_output);
    }
}
