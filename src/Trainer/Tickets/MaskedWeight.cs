using OnnxMoe.Trainer.Ops;

namespace OnnxMoe.Trainer.Tickets;

/// <summary>A weight of which a mask lets passes use some elements. The others keep their values, get no gradient, and may come back.</summary>
/// <param name="mask">1 for elements that are used, 0 for pruned ones; of the weight's shape.</param>
public sealed class MaskedWeight(Weight mask) : WeightMixture
{
    /// <summary>Of the weight's shape.</summary>
    public Weight Mask { get; } = mask;

    public override Value Of(OpSet ops, Weight weight)
    {
        Mask.Part = weight.Part;
        return ops.Part(weight) * ops.Part(Mask);
    }
}
