using OnnxMoe.Trainer.Ops;

namespace OnnxMoe.Trainer.Layers;

/// <summary>A transformer block: [B, S, D] to [B, S, D].</summary>
public abstract class Block(LayerScope scope) : Layer(scope)
{
    /// <summary>The routed layers in it, in the order in which a pass meets them.</summary>
    public abstract IReadOnlyList<RoutedLayer> RoutedLayers { get; }

    /// <param name="x">[B, S, D]</param>
    /// <param name="context">Gives caches and state; takes routings, grown caches and losses.</param>
    public abstract Value Forward(Value x, ForwardContext context);
}
