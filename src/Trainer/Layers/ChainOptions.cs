using OnnxMoe.Artifacts.Configuration;

namespace OnnxMoe.Trainer.Layers;

/// <summary>The recipe's section Model:Chain: routed layers that pass their experts several times (Chain-of-Experts).</summary>
public sealed class ChainOptions
{
    [Setting("Iterations: times a token passes a layer's experts, each reading what the one before made; must divide Model:ExpertsPerToken, which is the sum over all", Min = 1)]
    public int Iterations { get; set; } = 1;

    [Setting("Routers: one for each iteration (own), the first one's weights in all (shared-weights, the paper's released ablation), or the first one's choice for all (shared-choice)",
        Choices = "own|shared-weights|shared-choice")]
    public string Gate { get; set; } = "own";

    [Setting("What the layer's result is added to: the residual stream (raw), or its normalized copy that enters the chain, which then replaces the stream (normed, the released code)",
        Choices = "raw|normed")]
    public string Base { get; set; } = "raw";

    [Setting("Inner residual: each iteration adds to what it reads")]
    public bool Inner { get; set; } = true;

    [Setting("Outer residual: the residual stream is added to what the chain ends with")]
    public bool Outer { get; set; }

    [Setting("Run the shared experts in the first iteration only, not in every one")]
    public bool SharedOnce { get; set; }

    [Setting("Allow both residuals off, which cuts the residual stream: an ablation that is not expected to train")]
    public bool Unsafe { get; set; }
}
