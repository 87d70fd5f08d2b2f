using OnnxMoe.Artifacts.Configuration;

namespace OnnxMoe.Trainer.Backbones;

/// <summary>The recipe's section Model:PreGate: a small router that runs before the model and decides once for all its routed layers.</summary>
public sealed class PreGateOptions
{
    [Setting("Transformer layers of a router that reads the tokens before the model and decides each one's expert for all routed layers (Read-ME); 0: each layer routes itself", Min = 0)]
    public int Layers { get; set; }

    [Setting("Width of that router, of its feed-forward layers too; at most Model:HiddenSize where its embedding begins as the model's", Min = 2)]
    public int HiddenSize { get; set; } = 64;

    [Setting("Attention heads of that router; must divide its width", Min = 1)]
    public int Heads { get; set; } = 4;

    [Setting("What that router's attention scores are divided by; 0: the square root of the head size", Min = 0)]
    public double Normalizer { get; set; } = 1;

    [Setting("Hidden size of the part that all experts of a routed layer share, layer by layer, out of Model:ExpertHidden; Start:Convert=read-me sets it; none: nothing is shared", Min = 0)]
    public int[] PermanentHidden { get; set; } = [];
}
