using OnnxMoe.Artifacts.Configuration;

namespace OnnxMoe.Trainer.Layers;

/// <summary>The recipe's section Model:Residual: how routed layers join the residual stream.</summary>
public sealed class ResidualOptions
{
    [Setting("plain adds the layer's output; the others carry a momentum from routed layer to routed layer (MomentumSMoE): heavy-ball, adam (in the first routed layer, heavy-ball behind it), robust",
        Choices = "plain|heavy-ball|adam|robust")]
    public string Kind { get; set; } = "plain";

    [Setting("Momentum mu of heavy-ball, above -1 and below 1", Min = -1, Max = 1)]
    public double Momentum { get; set; } = 0.7;

    [Setting("Step gamma of heavy-ball and adam", Min = 0)]
    public double Step { get; set; } = 1;

    [Setting("Learn mu and gamma, a pair for each layer, from the values given")]
    public bool Learned { get; set; }

    [Setting("Whether the momentum is added (plus), so that mu = 0 and gamma = 1 are the plain layer, or subtracted (minus, the released code)", Choices = "plus|minus")]
    public string Sign { get; set; } = "plus";

    [Setting("Decay of adam's first moment; below 1", Min = 0, Max = 1)]
    public double Beta1 { get; set; } = 0.9;

    [Setting("Decay of adam's second moment; below 1", Min = 0, Max = 1)]
    public double Beta2 { get; set; } = 0.999;

    [Setting("Part kappa of the stream that adam's step takes away; the released code has 1, in blocks whose outer residual keeps the stream (Model:Block post-norm)", Min = 0, Max = 1)]
    public double Decay { get; set; }

    [Setting("Condition number k of robust; above 1", Min = 1)]
    public double Condition { get; set; } = 4;

    [Setting("Rate q of robust, from 1 - 1/sqrt(k) to 1 - 1/k", Min = 0, Max = 1)]
    public double Rate { get; set; } = 0.6;

    [Setting("Smoothness L of robust: its step is divided by it", Min = 0)]
    public double Smoothness { get; set; } = 1;
}
