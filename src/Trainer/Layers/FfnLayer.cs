using OnnxMoe.Trainer.Ops;

namespace OnnxMoe.Trainer.Layers;

/// <summary>What stands in the feed-forward place of a transformer block: dense, routed, or several routed layers in turn.</summary>
public abstract class FfnLayer(LayerScope scope) : Layer(scope)
{
    /// <summary>The routed layers in it, in the order in which a pass meets them; none in a dense one.</summary>
    public virtual IReadOnlyList<RoutedLayer> RoutedLayers => [];

    /// <param name="x">[B, S, D], normalized.</param>
    /// <param name="context">Takes routings and losses.</param>
    /// <returns>[B, S, D]</returns>
    public abstract Value Forward(Value x, ForwardContext context);

    /// <summary>Makes passes use the first elements of the stream and of the hidden layer.</summary>
    public virtual void Use(BlockSizes sizes) => throw new NotSupportedException($"A {GetType().Name} has one size.");
}
