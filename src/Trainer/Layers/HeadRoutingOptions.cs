using OnnxMoe.Artifacts.Configuration;

namespace OnnxMoe.Trainer.Layers;

/// <summary>The recipe's section Model:HeadRouting: attention heads as experts. With Model:Router:Selection=patches they take patches, else each token takes the most probable.</summary>
public sealed class HeadRoutingOptions
{
    [Setting("Attention heads that a token activates; 0: all, ordinary attention", Min = 0)]
    public int HeadsPerToken { get; set; }

    [Setting("With Model:Router:Selection=patches: most patches that a head takes, as a fraction of the sequence", Min = 0, Max = 1)]
    public double Capacity { get; set; } = 0.5;

    [Setting("With Model:Router:Selection=patches: heads that run for a sequence, chosen by the mean of its tokens; 0: all", Min = 0)]
    public int HeadsPerSequence { get; set; }
}
