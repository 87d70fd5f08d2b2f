using OnnxMoe.Trainer.Ops;

namespace OnnxMoe.Trainer.Layers;

/// <summary>
/// The post-norm block with a double residual that MomentumSMoE's released code has (arXiv 2410.14574): h = norm(x + attention(x)),
/// s = norm(h joined with the feed-forward place by a <see cref="Residual"/>), norm(h + s).
/// </summary>
public sealed class PostNormBlock(LayerScope scope, RmsNorm attentionNorm, Attention attention, RmsNorm ffnNorm, RmsNorm outerNorm, FfnLayer ffn, Residual residual) : Block(scope)
{
    public override IReadOnlyList<RoutedLayer> RoutedLayers => ffn.RoutedLayers;

    public override IEnumerable<TokenCost> CostOfToken(CostContext context) => attention.CostOfToken(context).Concat(ffn.CostOfToken(context));

    public override double IdleParameters(CostContext context) => attention.IdleParameters(context) + ffn.IdleParameters(context);

    public override Value Forward(Value x, ForwardContext context)
    {
        var h = attentionNorm.Forward(x + attention.Forward(x, context));
        return outerNorm.Forward(h + ffnNorm.Forward(residual.Add(h, y => ffn.Forward(y, context), context)));
    }
}
