using OnnxMoe.Artifacts.Tensors;

namespace OnnxMoe.Trainer.Layers;

/// <summary>
/// A tensor that a layer keeps between decoding steps, such as its keys. In a file it is the input past_key_values.NAME and the
/// output present.NAME, with one more position for each new token.
/// </summary>
/// <param name="Name">Number of the transformer block, a dot, and what it is: 3.key.</param>
/// <param name="Type">Element type.</param>
/// <param name="Dimensions">Numbers, and the names batch and past.</param>
public sealed record CacheSlot(string Name, ElementType Type, params string[] Dimensions);
