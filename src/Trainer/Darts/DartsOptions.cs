using OnnxMoe.Artifacts.Configuration;

namespace OnnxMoe.Trainer.Darts;

/// <summary>The recipe's section Supernet:Darts: training of architecture weights beside the network's (Supernet:Gates=soft).</summary>
public sealed class DartsOptions
{
    [Setting("Share of the training data on which the architecture weights are trained; the rest trains the network's", Min = 0, Max = 1)]
    public double AlphaShare { get; set; } = 0.5;

    [Setting("Leave the architecture weights as they start, nearly equal")]
    public bool FrozenAlpha { get; set; }

    [Setting("Learning rate of the architecture weights (Adam)", Min = 0)]
    public double LearningRate { get; set; } = 3e-4;

    [Setting("Weight decay of the architecture weights, a part of their gradient", Min = 0)]
    public double WeightDecay { get; set; } = 1e-3;

    [Setting("Decay of Adam's first moment", Min = 0, Max = 1)]
    public double Beta1 { get; set; } = 0.5;

    [Setting("Decay of Adam's second moment", Min = 0, Max = 1)]
    public double Beta2 { get; set; } = 0.999;

    /// <summary>The section Supernet:Darts:Distillation.</summary>
    public DistillationOptions Distillation { get; set; } = new();
}
