using OnnxMoe.Trainer.Layers;
using OnnxMoe.Trainer.Ops;

namespace OnnxMoe.Trainer.Routers;

/// <summary>
/// The pathway-aware router of MoE++ (Jin et al. 2024, arXiv 2410.07348, section 3.2): G_1 = R_1(x), and in later routed layers
/// G_j = R_j(x) + G_(j-1) W_j. The logits, with what was added to them, go on to the next layer.
/// </summary>
/// <param name="scope">Of the router's weights.</param>
/// <param name="own">R_j.</param>
/// <param name="experts">N.</param>
/// <param name="first">True in the first routed layer, which has no W.</param>
/// <param name="deviation">Of the initial W_j; 0: the layers start as if they had none.</param>
public sealed class GatingResidual(LayerScope scope, ScoreHead own, int experts, bool first, double deviation) : ScoreHead(scope)
{
    private const string Logits = "router.logits";
    private readonly Weight? _residual = first ? null : deviation > 0 ? scope.Normal("residual", deviation, experts, experts) : scope.Filled("residual", 0, experts, experts);

    public override IEnumerable<TokenCost> CostOfToken(CostContext context) =>
        _residual is null ? own.CostOfToken(context) : [.. own.CostOfToken(context), new("router", 2.0 * experts * experts)];

    public override Value Score(Value x, ForwardContext context)
    {
        var logits = own.Score(x, context);
        if (_residual is not null)
            logits += context.Carry.Find(Logits)!.MatMul(_residual);
        context.Carry.Set(Logits, logits);
        return logits;
    }
}
