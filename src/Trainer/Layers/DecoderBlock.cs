using OnnxMoe.Trainer.Ops;

namespace OnnxMoe.Trainer.Layers;

/// <summary>A pre-norm transformer block: x + attention(norm(x)), then x + feed-forward(norm(x)), dense or routed.</summary>
public sealed class DecoderBlock(LayerScope scope, RmsNorm attentionNorm, Attention attention, RmsNorm ffnNorm, FeedForward? dense, RoutedLayer? routed)
    : Layer(scope)
{
    /// <summary>The routed layer, or null in a dense block.</summary>
    public RoutedLayer? Routed { get; } = routed;

    public override IEnumerable<TokenCost> CostOfToken(CostContext context) =>
        attention.CostOfToken(context).Concat(Routed?.CostOfToken(context) ?? dense!.CostOfToken(context));

    public override double IdleParameters(CostContext context) => Routed?.IdleParameters(context) ?? 0;

    /// <param name="x">[B, S, D]</param>
    public (Value Output, KeyValue Present) Forward(Value x, AttentionInput input, KeyValue? past, ForwardContext context)
    {
        var (attended, present) = attention.Forward(attentionNorm.Forward(x), input, past);
        x += attended;
        var normalized = ffnNorm.Forward(x);
        return (x + (Routed?.Forward(normalized, context) ?? dense!.Forward(normalized)), present);
    }
}
