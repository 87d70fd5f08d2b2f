using OnnxMoe.Trainer.Ops;

namespace OnnxMoe.Trainer.Layers;

/// <summary>
/// A block whose attention and feed-forward place read the same normalized stream: x + attention(norm(x)) + ffn(norm(x)), as in GPT-J
/// and PaLM (Chowdhery et al. 2022, arXiv 2204.02311).
/// </summary>
public sealed class ParallelBlock(LayerScope scope, RmsNorm norm, Attention attention, FfnLayer ffn) : Block(scope)
{
    public override IReadOnlyList<RoutedLayer> RoutedLayers => ffn.RoutedLayers;

    public override FeedForward? FeedForward => ffn as FeedForward;

    public override IEnumerable<TokenCost> CostOfToken(CostContext context) => attention.CostOfToken(context).Concat(ffn.CostOfToken(context));

    public override double IdleParameters(CostContext context) => attention.IdleParameters(context) + ffn.IdleParameters(context);

    public override Value Forward(Value x, ForwardContext context)
    {
        var normalized = norm.Forward(x);
        return x + attention.Forward(normalized, context) + ffn.Forward(normalized, context);
    }

    public override void Use(BlockSizes sizes)
    {
        norm.Use(sizes.Width);
        attention.Use(sizes);
        ffn.Use(sizes);
    }
}
