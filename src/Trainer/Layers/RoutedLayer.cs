using OnnxMoe.Trainer.Experts;
using OnnxMoe.Trainer.Ops;
using OnnxMoe.Trainer.Routers;

namespace OnnxMoe.Trainer.Layers;

/// <summary>A mixture-of-experts layer: a router, a bank of routed experts, and optionally shared experts that every token meets.</summary>
public sealed class RoutedLayer(LayerScope scope, int number, int size, Router router, ExpertBank experts, FeedForward? shared) : FfnLayer(scope)
{
    /// <summary>Number of the transformer block that this layer belongs to.</summary>
    public int Number { get; } = number;

    public Router Router { get; } = router;

    public ExpertBank Experts { get; } = experts;

    public override IReadOnlyList<RoutedLayer> RoutedLayers => [this];

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
        var routing = Router.Route(tokens, context);
        routing = context.Intervention?.Reroute(Number, routing) ?? routing;
        context.AddRouting(this, routing);
        var y = Experts.Apply(tokens, routing);
        if (shared is not null && context.Intervention?.UsesSharedExperts(Number) != false)
            y += shared.Forward(tokens);
        return y.Reshape(x.Shape());
    }

    private double ActiveExperts(CostContext context) =>
        context.ActiveExperts is { } active && active.TryGetValue(Number, out var measured) ? measured : Router.ActiveExperts(context);
}
