using OnnxMoe.Trainer.Ops;

namespace OnnxMoe.Trainer.Layers;

/// <summary>
/// Depth as iterations of a gradient descent whose step is the layer: p = mu p + f(x), x + gamma p, with p carried from routed layer to
/// routed layer and zero before the first (Teo and Nguyen 2024, MomentumSMoE, arXiv 2410.14574). mu = 0 and gamma = 1 are the plain layer.
/// </summary>
/// <param name="factors">mu and gamma.</param>
/// <param name="subtract">x - gamma p, as the released code has it: the experts learn the other sign.</param>
public sealed class HeavyBallResidual(MomentumFactors factors, bool subtract) : Residual
{
    private const string Momentum = "momentum";

    public override Value Add(Value x, Func<Value, Value> branch, ForwardContext context) => Step(x, Advance(branch(x), factors, context), factors, subtract);

    /// <summary>mu p + f, which becomes the p of the next layer. [B, S, D]</summary>
    internal static Value Advance(Value f, MomentumFactors factors, ForwardContext context)
    {
        var p = context.Carry.Find(Momentum) is { } before ? factors.Momentum(before) + f : f;
        context.Carry.Set(Momentum, p);
        return p;
    }

    internal static Value Step(Value x, Value p, MomentumFactors factors, bool subtract) => subtract ? x - factors.Step(p) : x + factors.Step(p);
}
