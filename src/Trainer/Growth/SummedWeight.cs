using OnnxMoe.Trainer.Ops;

namespace OnnxMoe.Trainer.Growth;

/// <summary>A bias of outputs that the two narrow networks share: each has its own, and the whole network has their sum.</summary>
public sealed class SummedWeight(Weight first, Weight second, Func<GrowthMode> mode) : WeightMixture
{
    public override Value Of(OpSet ops, Weight weight) => mode() switch
    {
        GrowthMode.First => ops.Weight(first),
        GrowthMode.Second => ops.Weight(second),
        _ => ops.Weight(first) + ops.Weight(second),
    };
}
