using OnnxMoe.Artifacts.Configuration;

namespace OnnxMoe.Trainer.Branches;

/// <summary>The recipe's section Model:Branches: a network of blocks with parallel depthwise convolutions (Model:Backbone=branches).</summary>
public sealed class BranchOptions
{
    [Setting("Channels of the residual stream", Min = 1)]
    public int Width { get; set; } = 16;

    [Setting("Blocks", Min = 1)]
    public int Blocks { get; set; } = 3;

    [Setting("Side of the depthwise kernel of each branch of a block, odd", Min = 1)]
    public int[] Kernels { get; set; } = [1, 3, 5];

    [Setting("Hidden channels of each branch, block by block; 0: there is none; one number stands for all", Min = 0)]
    public int[] Hidden { get; set; } = [12];

    [Setting("Blocks, counted from 0, before which 2x2 max pooling halves the image", Min = 1)]
    public int[] Pools { get; set; } = [1];

    [Setting("What the importance of a hidden channel, the scale of its normalization, starts from", Min = 0)]
    public double InitialImportance { get; set; } = 0.5;

    /// <summary>Hidden channels of a branch.</summary>
    public int HiddenOf(int block, int branch) => Hidden.Length == 1 ? Hidden[0] : Hidden[(block * Kernels.Length) + branch];
}
