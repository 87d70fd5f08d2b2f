using OnnxMoe.Trainer.Layers;
using OnnxMoe.Trainer.Ops;
using OnnxMoe.Trainer.Routers;

namespace OnnxMoe.Trainer.Experts;

/// <summary>Stacked experts, and how they are applied to a routing.</summary>
public abstract class ExpertBank(LayerScope scope, int experts) : Layer(scope)
{
    /// <summary>Number of stored experts, E.</summary>
    public int Experts { get; } = experts;

    /// <summary>Parameters of one expert.</summary>
    public abstract long ParametersPerExpert { get; }

    /// <summary>
    /// Floating-point operations of one stored expert for one token (a multiplication and an addition are two). What a bank costs whoever is
    /// picked is its <see cref="Layer.CostOfToken"/>.
    /// </summary>
    public abstract long FlopsPerToken { get; }

    /// <param name="x">[T, D]</param>
    /// <param name="routing">Of the same T tokens.</param>
    /// <returns>[T, D]: the weighted sum of each token's experts.</returns>
    public abstract Value Apply(Value x, Routing routing);
}
