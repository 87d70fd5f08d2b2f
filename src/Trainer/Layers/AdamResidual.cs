using OnnxMoe.Trainer.Ops;

namespace OnnxMoe.Trainer.Layers;

/// <summary>
/// The first routed layer of AdamSMoE (Teo and Nguyen 2024, arXiv 2410.14574, released code): the step of Adam from zero moments,
/// without bias correction, so p = (1 - b1) f, v = (1 - b2) f^2 and x + gamma p / sqrt(v + 1e-8) - kappa x. It also starts the momentum
/// of the heavy-ball layers behind it.
/// </summary>
/// <param name="factors">mu for the layers behind, gamma for this one.</param>
/// <param name="beta1">b1.</param>
/// <param name="beta2">b2.</param>
/// <param name="decay">kappa.</param>
/// <param name="subtract">x - gamma p / sqrt(v), as the released code has it.</param>
public sealed class AdamResidual(MomentumFactors factors, double beta1, double beta2, double decay, bool subtract) : Residual
{
    private const double Epsilon = 1e-8; // under the root: the gradient of sqrt is infinite at 0

    public override Value Add(Value x, Func<Value, Value> branch, ForwardContext context)
    {
        var f = branch(x);
        HeavyBallResidual.Advance(f, factors, context);
        var step = f * (1 - beta1) / (f * f * (1 - beta2) + Epsilon).Sqrt();
        var moved = HeavyBallResidual.Step(x, step, factors, subtract);
        return decay == 0 ? moved : moved - x * decay;
    }
}
