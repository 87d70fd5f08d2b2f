using OnnxMoe.Artifacts.Configuration;

namespace OnnxMoe.Trainer.Routers;

/// <summary>The recipe's section Model:Router:TopP: selection by a sum of probabilities.</summary>
public sealed class TopPOptions
{
    [Setting("Experts are added, the most probable first, until their probabilities sum to this; above 1: all", Min = 0, Max = 2)]
    public double P { get; set; } = 0.4;

    [Setting("Whether a sum that equals P exactly is enough (ge, the paper) or one more expert is added (gt, the released code)", Choices = "ge|gt")]
    public string Compare { get; set; } = "ge";
}
