using OnnxMoe.Search.Spaces;
using OnnxMoe.Trainer.Ops;

namespace OnnxMoe.Trainer.Supernets;

/// <summary>
/// A weight as a mixture of M of its shape: the sum over m of proportion m times the part of weight m that passes use; neuron-wise proportions are of the
/// last dimension. The mixture is of weights, not of what layers give.
/// </summary>
/// <param name="others">All but the first, which is the weight itself.</param>
/// <param name="router">Finds the proportions.</param>
/// <param name="active">The architecture that passes run.</param>
public sealed class ExpertMixture(IReadOnlyList<Weight> others, ArchRouter router, Func<Architecture> active) : WeightMixture
{
    public override Value Of(OpSet ops, Weight weight)
    {
        foreach (var other in others)
            other.Part = weight.Part;
        if (router is RuleRouter rule)
            return ops.Part(rule.Choose(active()) is > 0 and var chosen ? others[chosen - 1] : weight);
        var proportions = router.Proportions(ops, active(), (int)weight.UsedShape[^1]);
        Value Scaled(Weight expert, int m) => ops.Part(expert) * proportions.Slice(-1, m, m + 1).Squeeze(-1);
        var sum = Scaled(weight, 0);
        for (var m = 1; m <= others.Count; m++)
            sum = sum + Scaled(others[m - 1], m);
        return sum;
    }
}
