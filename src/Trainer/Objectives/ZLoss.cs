using OnnxMoe.Trainer.Layers;
using OnnxMoe.Trainer.Ops;
using OnnxMoe.Trainer.Routers;

namespace OnnxMoe.Trainer.Objectives;

/// <summary>The router z-loss: coefficient * mean over tokens of (log sum exp of the logits)^2; keeps logits small (Zoph et al. 2022, arXiv 2202.08906).</summary>
public sealed class ZLoss(double coefficient) : RouterLoss
{
    /// <param name="context">Takes the loss as "z" when the coefficient is positive.</param>
    /// <param name="decision">Its logits [T, N] count.</param>
    public override void AddTo(ForwardContext context, RouterDecision decision)
    {
        if (coefficient <= 0)
            return;
        var z = decision.Logits.ReduceLogSumExp([-1]);
        context.AddLoss("z", (z * z).ReduceMean([0, 1], keepDims: false) * coefficient);
    }
}
