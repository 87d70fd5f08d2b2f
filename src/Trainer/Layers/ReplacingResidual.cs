using OnnxMoe.Trainer.Ops;

namespace OnnxMoe.Trainer.Layers;

/// <summary>f(x): the branch takes the stream's place, as in the released code of Chain-of-Experts, where the chain carries its own residual.</summary>
public sealed class ReplacingResidual : Residual
{
    public override Value Add(Value x, Func<Value, Value> branch, ForwardContext context) => branch(x);
}
