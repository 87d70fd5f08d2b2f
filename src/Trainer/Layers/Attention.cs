using OnnxMoe.Trainer.Ops;

namespace OnnxMoe.Trainer.Layers;

/// <summary>What mixes the tokens of a sequence in a transformer block.</summary>
public abstract class Attention(LayerScope scope) : Layer(scope)
{
    /// <param name="x">[B, S, D], normalized.</param>
    /// <param name="context">Gives positions, mask and caches; takes the grown caches.</param>
    /// <returns>[B, S, D]</returns>
    public abstract Value Forward(Value x, ForwardContext context);

    /// <summary>Makes passes use the first heads, and the first elements of the stream.</summary>
    public virtual void Use(BlockSizes sizes) => throw new NotSupportedException($"A {GetType().Name} has one size.");
}
