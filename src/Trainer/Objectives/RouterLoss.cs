using OnnxMoe.Trainer.Layers;
using OnnxMoe.Trainer.Routers;

namespace OnnxMoe.Trainer.Objectives;

/// <summary>An auxiliary loss on what a router decides.</summary>
public abstract class RouterLoss
{
    /// <summary>Adds the loss, times its coefficient, to the context under a name; nothing when the coefficient is 0.</summary>
    public abstract void AddTo(ForwardContext context, RouterDecision decision);
}
