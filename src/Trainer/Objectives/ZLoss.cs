using OnnxMoe.Trainer.Layers;
using OnnxMoe.Trainer.Ops;

namespace OnnxMoe.Trainer.Objectives;

/// <summary>The router z-loss: coefficient * mean over tokens of (log sum exp of the logits)^2; keeps logits small (Zoph et al. 2022, arXiv 2202.08906).</summary>
public sealed class ZLoss(double coefficient)
{
    /// <param name="context">Takes the loss as "z" when the coefficient is positive.</param>
    /// <param name="logits">[T, E]</param>
    public void AddTo(ForwardContext context, Value logits)
    {
        if (coefficient <= 0)
            return;
        var z = logits.ReduceLogSumExp([-1]);
        context.AddLoss("z", (z * z).ReduceMean([0, 1], keepDims: false) * coefficient);
    }
}
