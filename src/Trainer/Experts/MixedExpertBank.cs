using OnnxMoe.Trainer.Layers;
using OnnxMoe.Trainer.Ops;
using OnnxMoe.Trainer.Routers;

namespace OnnxMoe.Trainer.Experts;

/// <summary>
/// Feed-forward experts beside zero-computation ones (Jin et al. 2024, arXiv 2410.07348). The feed-forward bank runs on the picks that are
/// stored experts; copies and constants are a few sums on top; zero experts add nothing.
/// </summary>
/// <param name="scope">Of all experts.</param>
/// <param name="kinds">What each pick is.</param>
/// <param name="stored">The feed-forward experts.</param>
/// <param name="constants">As many as the table has; null for none.</param>
public sealed class MixedExpertBank(LayerScope scope, ExpertKinds kinds, ExpertBank stored, ConstantExperts? constants) : ExpertBank(scope, stored.Experts)
{
    public override long ParametersPerExpert => stored.ParametersPerExpert;

    public override long FlopsPerToken => stored.FlopsPerToken;

    public override IEnumerable<TokenCost> CostOfToken(CostContext context) => constants?.CostOfToken(context) ?? [];

    /// <param name="x">[T, D]</param>
    /// <param name="routing">Its <see cref="Routing.Picks"/> name the experts of all kinds.</param>
    public override Value Apply(Value x, Routing routing)
    {
        var y = stored.Apply(x, routing);
        var picks = routing.Picks ?? throw new InvalidOperationException("Experts of several kinds need a router that knows them.");
        if (kinds.Of(ExpertKind.Copy) is { Count: > 0 } copies)
            y += x * picks.WeightsOf(copies).ReduceSum([1]);
        if (constants is not null)
            y += constants.Apply(x, picks.WeightsOf(kinds.Of(ExpertKind.Constant)));
        return y;
    }
}
