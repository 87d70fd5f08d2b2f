using OnnxMoe.Trainer.Layers;
using OnnxMoe.Trainer.Ops;

namespace OnnxMoe.Trainer.Routers;

/// <summary>Decides which experts each token meets. All that distinguishes published routers is inside <see cref="Route"/>.</summary>
public abstract class Router(LayerScope scope, int experts, int expertsPerToken) : Layer(scope)
{
    /// <summary>Number of routed experts, E.</summary>
    public int Experts { get; } = experts;

    /// <summary>Upper bound of the experts a token activates, K.</summary>
    public int ExpertsPerToken { get; } = expertsPerToken;

    /// <summary>The most experts that a token activates in the mean over a sequence.</summary>
    public virtual double ActiveExperts(CostContext context) => ExpertsPerToken;

    /// <param name="x">[T, D]: the normalized input of the layer.</param>
    /// <param name="context">Carries state between layers, and takes auxiliary losses while training.</param>
    public abstract Routing Route(Value x, ForwardContext context);
}
