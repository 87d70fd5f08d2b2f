using OnnxMoe.Trainer.Ops;

namespace OnnxMoe.Trainer.Layers;

/// <summary>A transformer block: [B, S, D] to [B, S, D].</summary>
public abstract class Block(LayerScope scope) : Layer(scope)
{
    /// <summary>The routed layers in it, in the order in which a pass meets them.</summary>
    public virtual IReadOnlyList<RoutedLayer> RoutedLayers => [];

    /// <summary>The dense layer in its feed-forward place; null where there is something else.</summary>
    public virtual FeedForward? FeedForward => null;

    /// <param name="x">[B, S, D]</param>
    /// <param name="context">Gives caches and state; takes routings, grown caches and losses.</param>
    public abstract Value Forward(Value x, ForwardContext context);

    /// <summary>Makes passes run the block at smaller sizes, with the first elements of its weights and its first heads.</summary>
    public virtual void Use(BlockSizes sizes) => throw new NotSupportedException($"A {GetType().Name} has one size.");
}
