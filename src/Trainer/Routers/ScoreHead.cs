using OnnxMoe.Trainer.Layers;
using OnnxMoe.Trainer.Ops;

namespace OnnxMoe.Trainer.Routers;

/// <summary>The linear score head: one logit an expert, x [T, D] to [T, E], no bias.</summary>
public sealed class ScoreHead(LayerScope scope, int hiddenSize, int experts, double deviation) : Layer(scope)
{
    private readonly Weight _weight = scope.Normal("weight", deviation, hiddenSize, experts);

    public override IEnumerable<TokenCost> CostOfToken(CostContext context) => [new("router", 2.0 * _weight.Parameter.numel())];

    public Value Score(Value x) => x.MatMul(_weight);
}
