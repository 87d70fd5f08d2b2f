using OnnxMoe.Artifacts.Configuration;

namespace OnnxMoe.Trainer.Convolutions;

/// <summary>The recipe's section Model:Cnn: a convolutional network (Model:Backbone=cnn).</summary>
public sealed class CnnOptions
{
    [Setting("Channels of each block; the first block is one convolution of the image", Min = 1)]
    public int[] Channels { get; set; } = [8, 8, 8, 16, 16, 16];

    [Setting("Blocks, counted from 0, before which 2x2 max pooling halves the image", Min = 1)]
    public int[] Pools { get; set; } = [2, 4];

    [Setting("Stride of each block's first convolution; none: 1 everywhere", Min = 1)]
    public int[] Strides { get; set; } = [];

    [Setting("Basic residual blocks (ResNet); otherwise a convolution each")]
    public bool Residual { get; set; } = true;

    /// <summary>The stride of a block.</summary>
    public int StrideOf(int block) => Strides.Length == 0 ? 1 : Strides[block];
}
