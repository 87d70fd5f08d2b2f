using OnnxMoe.Trainer.Experts;
using OnnxMoe.Trainer.Ops;

namespace OnnxMoe.Trainer.Routers;

/// <summary>Applies a <see cref="WeightRule"/>.</summary>
internal static class WeightRules
{
    /// <param name="rule">The rule.</param>
    /// <param name="picks">[T, K]: the chosen experts, -1 for none.</param>
    /// <param name="probabilities">[T, K]: their probabilities, 0 for none.</param>
    /// <param name="kinds">Which picks are zero experts.</param>
    /// <returns>Combine weights [T, K].</returns>
    public static Value Weigh(this WeightRule rule, Value picks, Value probabilities, ExpertKinds kinds)
    {
        if (rule == WeightRule.Softmax)
            return probabilities;
        if (rule is WeightRule.Sum or WeightRule.One)
            return (rule == WeightRule.Sum ? probabilities.ReduceSum([-1]) : probabilities.Scalar(1)).Expand(picks.Shape());
        if (rule == WeightRule.RenormalizedAll || kinds.Of(ExpertKind.Zero).Count == 0)
            return probabilities / probabilities.ReduceSum([-1]);
        var counted = kinds.Are(ExpertKind.Zero, picks).Where(probabilities.Scalar(0), probabilities);
        var sum = counted.ReduceSum([-1]);
        return counted / sum.Equal(sum.Scalar(0)).Where(sum.Scalar(1), sum); // 0 / 1 rather than 0 / 0 for a token of zero experts alone
    }
}
