using OnnxMoe.Artifacts.Configuration;

namespace OnnxMoe.Trainer.Routers;

/// <summary>The recipe's section Model:Router: how tokens choose their experts, and the losses on that choice.</summary>
public sealed class RouterOptions
{
    [Setting("How a token's scores for the experts are made: by one matrix, by two with tanh between them, or from a state that is handed from layer to layer", Choices = "linear|mlp|recurrent")]
    public string Scores { get; set; } = "linear";

    [Setting("How experts are selected by their probabilities: by each token, or in an encoder by the experts among the patches that want them", Choices = "topk|topp|patches")]
    public string Selection { get; set; } = "topk";

    [Setting("Weights of the chosen experts: their softmax over all experts as it is; made to sum to 1, without the zero experts or with them; their sum for each; 1",
        Choices = "softmax|renormalized|renormalized-all|sum|one")]
    public string WeightRule { get; set; } = "softmax";

    [Setting("Add the previous routed layer's scores times a learned matrix to a token's scores; the matrix starts at zero or at random", Choices = "none|zero|normal")]
    public string GatingResidual { get; set; } = "none";

    [Setting("A bias for every expert's score")]
    public bool Bias { get; set; }

    [Setting("Keep the router at its random initial weights")]
    public bool Frozen { get; set; }

    [Setting("Standard deviation of the router's initial weights; 0: Model:InitialDeviation", Min = 0)]
    public double InitialDeviation { get; set; }

    [Setting("Coefficient of the load-balancing loss over experts", Min = 0)]
    public double BalanceLoss { get; set; } = 0.01;

    [Setting("BalanceLoss in the course of training, instead of one number: pieces START:COEFFICIENT, such as 0:0.02,0.5:1e-4")]
    public string BalanceSchedule { get; set; } = "";

    [Setting("Load of an expert in the balance loss: its share of all picks times the number of experts, its share of tokens times that number, or the share of tokens alone",
        Choices = "assignments|tokens|token-share")]
    public string BalanceNorm { get; set; } = "assignments";

    [Setting("Balance the zero-computation experts as one: each counts with the mean load of all")]
    public bool NullBucket { get; set; }

    [Setting("Weight of a zero-computation expert in the balance loss, and share of a feed-forward expert against it in Capacity", Min = 0)]
    public double Tau { get; set; } = 1;

    [Setting("Tokens over which the balance is taken", Choices = "batch|sequence")]
    public string BalanceScope { get; set; } = "batch";

    [Setting("Coefficient of the load-balancing loss over device groups", Min = 0)]
    public double DeviceBalanceLoss { get; set; }

    [Setting("Device groups; must divide Model:Experts", Min = 1)]
    public int DeviceGroups { get; set; } = 1;

    [Setting("Coefficient of the router z-loss", Min = 0)]
    public double ZLoss { get; set; } = 1e-3;

    [Setting("Coefficient of the loss on the entropy of the router's probabilities", Min = 0)]
    public double EntropyLoss { get; set; }

    /// <summary>The section Model:Router:Recurrent.</summary>
    public RecurrentOptions Recurrent { get; set; } = new();

    /// <summary>The section Model:Router:TopP.</summary>
    public TopPOptions TopP { get; set; } = new();

    /// <summary>The section Model:Router:Capacity.</summary>
    public CapacityOptions Capacity { get; set; } = new();

    /// <summary>The section Model:Router:Patches.</summary>
    public PatchOptions Patches { get; set; } = new();

    /// <summary>The section Model:Router:Mixer.</summary>
    public MixerOptions Mixer { get; set; } = new();

    /// <summary>The section Model:Router:ActiveExperts.</summary>
    public ActiveExpertsOptions ActiveExperts { get; set; } = new();
}
