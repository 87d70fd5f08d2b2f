using OnnxMoe.Artifacts.Configuration;

namespace OnnxMoe.Trainer.Routers;

/// <summary>The recipe's section Model:Router: how tokens choose their experts, and the losses on that choice.</summary>
public sealed class RouterOptions
{
    [Setting("How a token's scores for the experts are made", Choices = "linear")]
    public string Scores { get; set; } = "linear";

    [Setting("How experts are selected by their probabilities", Choices = "topk|topp")]
    public string Selection { get; set; } = "topk";

    [Setting("Weights of the chosen experts: their softmax over all experts as it is, or made to sum to 1", Choices = "softmax|renormalized")]
    public string WeightRule { get; set; } = "softmax";

    [Setting("A bias for every expert's score")]
    public bool Bias { get; set; }

    [Setting("Keep the router at its random initial weights")]
    public bool Frozen { get; set; }

    [Setting("Standard deviation of the router's initial weights; 0: Model:InitialDeviation", Min = 0)]
    public double InitialDeviation { get; set; }

    [Setting("Coefficient of the load-balancing loss over experts", Min = 0)]
    public double BalanceLoss { get; set; } = 0.01;

    [Setting("Tokens over which the balance is taken", Choices = "batch|sequence")]
    public string BalanceScope { get; set; } = "batch";

    [Setting("Coefficient of the load-balancing loss over device groups", Min = 0)]
    public double DeviceBalanceLoss { get; set; }

    [Setting("What the balance loss divides an expert's picks by: all picks, or the tokens (the loss then grows with the experts a token uses)", Choices = "assignments|tokens")]
    public string BalanceNorm { get; set; } = "assignments";

    [Setting("Device groups; must divide Model:Experts", Min = 1)]
    public int DeviceGroups { get; set; } = 1;

    [Setting("Coefficient of the router z-loss", Min = 0)]
    public double ZLoss { get; set; } = 1e-3;

    [Setting("Coefficient of the loss on the entropy of the router's probabilities", Min = 0)]
    public double EntropyLoss { get; set; }

    /// <summary>The section Model:Router:TopP.</summary>
    public TopPOptions TopP { get; set; } = new();

    /// <summary>The section Model:Router:Mixer.</summary>
    public MixerOptions Mixer { get; set; } = new();

    /// <summary>The section Model:Router:ActiveExperts.</summary>
    public ActiveExpertsOptions ActiveExperts { get; set; } = new();
}
