namespace OnnxMoe.Trainer.Ops;

/// <summary>What stands in the place of a weight: a mixture of it with others of its shape.</summary>
public abstract class WeightMixture
{
    /// <summary>The mixture of the parts that passes use now.</summary>
    public abstract Value Of(OpSet ops, Weight weight);
}
