using OnnxMoe.Trainer.Layers;
using OnnxMoe.Trainer.Objectives;
using OnnxMoe.Trainer.Ops;

namespace OnnxMoe.Trainer.Routers;

/// <summary>
/// Softmax over the experts' scores, then the K most probable; of equal probabilities the lower index wins. No capacity
/// limit, so no token is dropped (Shazeer et al. 2017; Dai et al. 2024, arXiv 2401.06066).
/// </summary>
public sealed class TopKRouter(LayerScope scope, ScoreHead head, int experts, int expertsPerToken, WeightRule rule,
    BalanceLoss balance, ZLoss z) : Router(scope, experts, expertsPerToken)
{
    public override IEnumerable<TokenCost> CostOfToken(CostContext context) => head.CostOfToken(context);

    public override Routing Route(Value x, ForwardContext context)
    {
        var logits = head.Score(x); // [T, E]
        var probabilities = logits.Softmax();
        var (weights, indices) = probabilities.TopK(ExpertsPerToken); // [T, K]
        if (context.Ops.IsTraining)
        {
            balance.AddTo(context, probabilities, indices);
            z.AddTo(context, logits);
        }
        if (rule == WeightRule.Renormalized)
            weights = weights / weights.ReduceSum([-1]);
        return new Routing(indices, weights) { Probabilities = probabilities };
    }
}
