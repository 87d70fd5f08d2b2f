using OnnxMoe.Trainer.Ops;

namespace OnnxMoe.Trainer.Layers;

/// <summary>A pre-norm block: x + attention(norm(x)), and the feed-forward place added to that by a <see cref="Residual"/>.</summary>
public sealed class SequentialBlock(LayerScope scope, RmsNorm attentionNorm, Attention attention, RmsNorm ffnNorm, FfnLayer ffn, Residual residual) : Block(scope)
{
    public override IReadOnlyList<RoutedLayer> RoutedLayers => ffn.RoutedLayers;

    public override FeedForward? FeedForward => ffn as FeedForward;

    public override IEnumerable<TokenCost> CostOfToken(CostContext context) => attention.CostOfToken(context).Concat(ffn.CostOfToken(context));

    public override double IdleParameters(CostContext context) => attention.IdleParameters(context) + ffn.IdleParameters(context);

    public override Value Forward(Value x, ForwardContext context) =>
        residual.Add(x + attention.Forward(attentionNorm.Forward(x), context), y => ffn.Forward(ffnNorm.Forward(y), context), context);

    public override void Use(BlockSizes sizes)
    {
        attentionNorm.Use(sizes.Width);
        attention.Use(sizes);
        ffnNorm.Use(sizes.Width);
        ffn.Use(sizes);
    }
}
