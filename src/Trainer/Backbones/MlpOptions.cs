using OnnxMoe.Artifacts.Configuration;

namespace OnnxMoe.Trainer.Backbones;

/// <summary>The recipe's section Model:Mlp: sizes of a residual perceptron (Model:Backbone=mlp).</summary>
public sealed class MlpOptions
{
    [Setting("Width of the residual stream", Min = 1)]
    public int Width { get; set; } = 32;

    [Setting("Hidden size of each block", Min = 1)]
    public int[] Hidden { get; set; } = [64, 64];
}
