using OnnxMoe.Artifacts.Configuration;

namespace OnnxMoe.Trainer.Routers;

/// <summary>The recipe's section Model:Router:Patches: experts choose among the patches of a sequence. For encoders.</summary>
public sealed class PatchOptions
{
    /// <summary>The word of Model:Router:Selection.</summary>
    public const string Selection = "patches";

    [Setting("Length of a patch, which is routed as a whole; must divide Model:ContextLength", Unit = "tokens", Min = 1)]
    public int Size { get; set; } = 1;

    [Setting("Most patches that an expert takes, as a fraction of the sequence", Min = 0, Max = 1)]
    public double Capacity { get; set; } = 0.5;

    [Setting("Experts that run for a sequence, chosen by the mean of its tokens; 0: all", Min = 0)]
    public int ExpertsPerSequence { get; set; }
}
