using OnnxMoe.Trainer.Ops;

namespace OnnxMoe.Trainer.Layers;

/// <summary>
/// Robust momentum over depth (Cyrus et al. 2018, arXiv 1710.04753, as Robust MomentumSMoE of Teo and Nguyen 2024 uses it): with d the
/// displacement of the routed layer before (zero for the first), x + mu d + gamma f(x + alpha d). Where nothing stands between two routed
/// layers, d is the difference of their inputs.
/// </summary>
/// <remarks>gamma = k (1-q)^2 (1+q) / L, mu = k q^3 / (k-1), alpha = q^3 / ((k-1) (1-q)^2 (1+q)).</remarks>
/// <param name="rate">q in [1 - 1/sqrt(k), 1 - 1/k].</param>
/// <param name="condition">k, above 1.</param>
/// <param name="smoothness">L, above 0.</param>
public sealed class RobustResidual(double rate, double condition, double smoothness) : Residual
{
    private const string Displacement = "displacement";

    /// <summary>gamma.</summary>
    public double Step { get; } = condition * (1 - rate) * (1 - rate) * (1 + rate) / smoothness;

    /// <summary>mu.</summary>
    public double Momentum { get; } = condition * rate * rate * rate / (condition - 1);

    /// <summary>alpha.</summary>
    public double LookAhead { get; } = rate * rate * rate / ((condition - 1) * (1 - rate) * (1 - rate) * (1 + rate));

    public override Value Add(Value x, Func<Value, Value> branch, ForwardContext context)
    {
        var d = context.Carry.Find(Displacement);
        var move = d is null ? branch(x) * Step : d * Momentum + branch(x + d * LookAhead) * Step;
        context.Carry.Set(Displacement, move);
        return x + move;
    }
}
