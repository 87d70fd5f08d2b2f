namespace OnnxMoe.Trainer.Layers;

/// <summary>Sizes of a dense transformer block, of which a supernet's blocks run smaller ones.</summary>
/// <param name="Width">Of the residual stream.</param>
/// <param name="Heads">Query heads of the self-attention.</param>
/// <param name="Hidden">Of the feed-forward layer.</param>
public sealed record BlockSizes(int Width, int Heads, int Hidden)
{
    /// <summary>Heads of the attention to the other half of an encoder-decoder.</summary>
    public int CrossHeads { get; init; }

    /// <summary>Width of what those heads look at.</summary>
    public int MemoryWidth { get; init; }
}
