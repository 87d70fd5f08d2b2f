using OnnxMoe.Trainer.Ops;

namespace OnnxMoe.Trainer.Layers;

/// <summary>A pre-norm block of the decoder of an encoder-decoder: self-attention, attention to the encoder's result, feed-forward layer.</summary>
public sealed class CrossBlock(LayerScope scope, RmsNorm selfNorm, Attention self, RmsNorm crossNorm, Attention cross, RmsNorm ffnNorm, FfnLayer ffn) : Block(scope)
{
    public override FeedForward? FeedForward => ffn as FeedForward;

    public override IEnumerable<TokenCost> CostOfToken(CostContext context) => [.. self.CostOfToken(context), .. cross.CostOfToken(context), .. ffn.CostOfToken(context)];

    public override Value Forward(Value x, ForwardContext context)
    {
        x = x + self.Forward(selfNorm.Forward(x), context);
        x = x + cross.Forward(crossNorm.Forward(x), context);
        return x + ffn.Forward(ffnNorm.Forward(x), context);
    }

    public override void Use(BlockSizes sizes)
    {
        foreach (var norm in new[] { selfNorm, crossNorm, ffnNorm })
            norm.Use(sizes.Width);
        self.Use(sizes);
        cross.Use(sizes);
        ffn.Use(sizes);
    }
}
