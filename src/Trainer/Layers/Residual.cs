using OnnxMoe.Trainer.Ops;

namespace OnnxMoe.Trainer.Layers;

/// <summary>How the output of a block's feed-forward place joins the residual stream.</summary>
public abstract class Residual
{
    /// <param name="x">[B, S, D]: the stream.</param>
    /// <param name="branch">The normalized feed-forward place, as a function of the stream.</param>
    /// <param name="context">Carries state from block to block.</param>
    /// <returns>[B, S, D]: the stream after the block.</returns>
    public abstract Value Add(Value x, Func<Value, Value> branch, ForwardContext context);
}
