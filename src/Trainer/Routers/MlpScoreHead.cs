using OnnxMoe.Trainer.Layers;
using OnnxMoe.Trainer.Ops;

namespace OnnxMoe.Trainer.Routers;

/// <summary>The two-layer score head of MoE++'s released model (arXiv 2410.07348): x [T, D] to tanh of 8 N units to [T, N], without biases.</summary>
public sealed class MlpScoreHead(LayerScope scope, int hiddenSize, int experts, double deviation) : ScoreHead(scope)
{
    private const int UnitsPerExpert = 8;
    private readonly Weight _hidden = scope.Normal("hidden", deviation, hiddenSize, UnitsPerExpert * experts);
    private readonly Weight _weight = scope.Normal("weight", deviation, UnitsPerExpert * experts, experts);

    public override IEnumerable<TokenCost> CostOfToken(CostContext context) => [new("router", 2.0 * (_hidden.Parameter.numel() + _weight.Parameter.numel()))];

    public override Value Score(Value x, ForwardContext context) => x.MatMul(_hidden).Tanh().MatMul(_weight);
}
