using OnnxMoe.Artifacts.Routing;
using OnnxMoe.Trainer.Experts;
using OnnxMoe.Trainer.Ops;
using OnnxMoe.Trainer.Routers;

namespace OnnxMoe.Trainer.Layers;

/// <summary>A mixture-of-experts layer: a router, a bank of routed experts, and optionally shared experts that every token meets.</summary>
public sealed class RoutedLayer(LayerScope scope, int number, int size, Router router, ExpertBank experts, FeedForward? shared) : FfnLayer(scope)
{
    /// <summary>Number of the transformer block that this layer belongs to.</summary>
    public int Number { get; } = number;

    /// <summary>Which pass through the block's experts this is, from 0; above 0 in a <see cref="ChainedLayer"/> only.</summary>
    public int Iteration { get; init; }

    /// <summary>Block and pass.</summary>
    public RoutingSite Site => new(Number, Iteration);

    public Router Router { get; } = router;

    public ExpertBank Experts { get; } = experts;

    public override IReadOnlyList<RoutedLayer> RoutedLayers => [this];

    /// <summary>Experts that a token activates: as measured, or else at most.</summary>
    public double ActiveExperts(CostContext context) => context.ActiveExperts is { } active && active.TryGetValue(Site, out var measured) ? measured : Router.ActiveExperts(context);

    public override IEnumerable<TokenCost> CostOfToken(CostContext context) =>
    [
        .. Router.CostOfToken(context),
        new("experts", ActiveExperts(context) * Experts.FlopsPerToken),
        .. Experts.CostOfToken(context),
        .. (shared?.CostOfToken(context) ?? []).Select(cost => cost with { Part = "shared experts" }),
    ];

    public override double IdleParameters(CostContext context) => (Experts.Experts - ActiveExperts(context)) * Experts.ParametersPerExpert;

    public override Value Forward(Value x, ForwardContext context)
    {
        var tokens = x.Reshape(-1, size); // [T, D]
        context.Watch?.Invoke(this, tokens);
        var routing = Router.Route(tokens, context);
        routing = context.Intervention?.Reroute(Site, routing) ?? routing;
        context.AddRouting(this, routing);
        var y = Experts.Apply(tokens, routing);
        if (shared is not null && context.Intervention?.UsesSharedExperts(Site) != false)
            y += shared.Forward(tokens);
        return y.Reshape(x.Shape());
    }
}
