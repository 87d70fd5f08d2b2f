using OnnxMoe.Artifacts.Tensors;
using OnnxMoe.Search.Spaces;
using OnnxMoe.Trainer.Layers;
using OnnxMoe.Trainer.Ops;

namespace OnnxMoe.Trainer.Supernets;

/// <summary>One set of weights for each architecture, by a rule: a proportion of 1 and zeros.</summary>
public sealed class RuleRouter(LayerScope scope, int experts, Func<Architecture, int> rule) : ArchRouter(scope)
{
    /// <summary>The set that an architecture uses.</summary>
    public int Choose(Architecture architecture) => rule(architecture);

    public override Value Proportions(OpSet ops, Architecture architecture, int outputs)
    {
        var proportions = new float[experts];
        proportions[Choose(architecture)] = 1;
        return ops.Constant(HostTensor.Vector(proportions));
    }
}
