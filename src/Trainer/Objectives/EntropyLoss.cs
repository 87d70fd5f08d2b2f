using OnnxMoe.Trainer.Layers;
using OnnxMoe.Trainer.Ops;
using OnnxMoe.Trainer.Routers;

namespace OnnxMoe.Trainer.Objectives;

/// <summary>
/// The dynamic loss of top-p routing: coefficient * mean over tokens of the entropy of the router's probabilities, in nats. Without it
/// a router can flatten its probabilities to buy more experts (Huang et al. 2024, arXiv 2403.07652).
/// </summary>
public sealed class EntropyLoss(double coefficient) : RouterLoss
{
    /// <param name="context">Takes the loss as "entropy" when the coefficient is positive.</param>
    /// <param name="decision">Its logits [T, N] count.</param>
    public override void AddTo(ForwardContext context, RouterDecision decision)
    {
        if (coefficient > 0)
            context.AddLoss("entropy", Of(decision.Logits) * coefficient);
    }

    /// <summary>The mean entropy, before its coefficient.</summary>
    public static Value Of(Value logits) =>
        -(logits.Softmax() * logits.LogSoftmax()).ReduceSum([-1]).ReduceMean([0, 1], keepDims: false);
}
