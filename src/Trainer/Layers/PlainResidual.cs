using OnnxMoe.Trainer.Ops;

namespace OnnxMoe.Trainer.Layers;

/// <summary>x + f(x).</summary>
public sealed class PlainResidual : Residual
{
    public override Value Add(Value x, Func<Value, Value> branch, ForwardContext context) => x + branch(x);
}
