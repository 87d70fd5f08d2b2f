using OnnxMoe.Trainer.Layers;
using OnnxMoe.Trainer.Ops;

namespace OnnxMoe.Trainer.Routers;

/// <summary>The linear score head: one row of weights an expert, x [T, D] to [T, N].</summary>
public sealed class LinearScoreHead(LayerScope scope, int hiddenSize, int experts, double deviation, bool bias = false) : ScoreHead(scope)
{
    private readonly Weight _weight = scope.Normal("weight", deviation, hiddenSize, experts);
    private readonly Weight? _bias = bias ? scope.Filled("bias", 0, experts) : null;

    public override IEnumerable<TokenCost> CostOfToken(CostContext context) => [new("router", 2.0 * _weight.Parameter.numel())];

    public override Value Score(Value x, ForwardContext context)
    {
        var scores = x.MatMul(_weight);
        return _bias is null ? scores : scores + _bias;
    }
}
