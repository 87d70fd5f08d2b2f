using OnnxMoe.Trainer.Ops;

namespace OnnxMoe.Trainer.Layers;

/// <summary>
/// Routed layers in a chain: the same experts applied several times, each iteration routed by what the one before made (Wang et al.
/// 2025, Chain-of-Experts, arXiv 2506.18945). x_0 is the input, x_t = x_{t-1} + f_t(x_{t-1}) with the inner residual and f_t(x_{t-1})
/// without it; nothing is normalized in between.
/// </summary>
/// <param name="scope">Of all weights in it.</param>
/// <param name="links">f_1 ... f_C: routed layers that share one bank.</param>
/// <param name="inner">Each link adds to what it reads.</param>
/// <param name="keepsEntrance">
/// The result is x_C; otherwise it is x_C - x_0, what the links have added, for a residual stream that is not the chain's input.
/// </param>
/// <exception cref="ArgumentException">The links have banks of their own: that is a deeper model, not a chain.</exception>
public sealed class ChainedLayer : FfnLayer
{
    private readonly RoutedLayer[] _links;
    private readonly bool _inner;
    private readonly bool _keepsEntrance;

    public ChainedLayer(LayerScope scope, RoutedLayer[] links, bool inner, bool keepsEntrance) : base(scope)
    {
        if (links.Length == 0 || links.Any(link => link.Experts != links[0].Experts))
            throw new ArgumentException("The links of a chain share one bank of experts; layers with banks of their own are layers of a deeper model.", nameof(links));
        (_links, _inner, _keepsEntrance) = (links, inner, keepsEntrance);
    }

    public override IReadOnlyList<RoutedLayer> RoutedLayers => _links;

    public override IEnumerable<TokenCost> CostOfToken(CostContext context) => _links.SelectMany(link => link.CostOfToken(context));

    /// <summary>Taken to meet another expert with each pick; a token that meets one again meets fewer.</summary>
    public override double IdleParameters(CostContext context)
    {
        var bank = _links[0].Experts;
        return Math.Max(0, bank.Experts - _links.Sum(link => link.ActiveExperts(context))) * bank.ParametersPerExpert;
    }

    public override Value Forward(Value x, ForwardContext context)
    {
        if (!_inner)
            return _links.Aggregate(x, (state, link) => link.Forward(state, context));
        var added = _links[0].Forward(x, context); // what is added is summed by itself: one link then is that link, to the last bit
        foreach (var link in _links.Skip(1))
            added += link.Forward(x + added, context);
        return _keepsEntrance ? x + added : added;
    }
}
