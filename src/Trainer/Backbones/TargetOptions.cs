using OnnxMoe.Artifacts.Configuration;

namespace OnnxMoe.Trainer.Backbones;

/// <summary>
/// The recipe's section Model:Target: sizes of the half of an encoder-decoder that writes; what is 0 or empty is as in the half that reads.
/// </summary>
public sealed class TargetOptions
{
    [Setting("Blocks of the decoder of an encoder-decoder; 0: Model:Layers", Min = 0)]
    public int Layers { get; set; }

    [Setting("Width of the decoder's residual stream; 0: Model:HiddenSize", Min = 0)]
    public int HiddenSize { get; set; }

    [Setting("Self-attention heads of each of its blocks; none: Model:Heads in all", Min = 1)]
    public int[] LayerHeads { get; set; } = [];

    [Setting("Heads of each of its blocks that look at the encoder; none: Model:Heads in all", Min = 1)]
    public int[] CrossHeads { get; set; } = [];

    [Setting("Hidden size of the feed-forward layer of each of its blocks; none: Model:DenseHidden in all", Min = 1)]
    public int[] LayerHidden { get; set; } = [];
}
