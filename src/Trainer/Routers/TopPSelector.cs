using OnnxMoe.Trainer.Layers;
using OnnxMoe.Trainer.Ops;

namespace OnnxMoe.Trainer.Routers;

/// <summary>
/// The fewest experts whose probabilities sum to p, the most probable first: a confident token gets one, an uncertain one several
/// (Huang et al. 2024, arXiv 2403.07652). Rank r is kept when the probabilities before it sum to less than p, so the expert that
/// crosses the threshold is kept, and one always is.
/// </summary>
/// <param name="p">The threshold; a run may give another (<see cref="ForwardContext.Threshold"/>).</param>
/// <param name="most">The most experts a token gets.</param>
/// <param name="strict">Equality is not enough: one expert more where a sum is p exactly.</param>
public sealed class TopPSelector(double p, int most, bool strict) : Selector
{
    public override (Value Picks, Value Probabilities) Select(Value probabilities, ForwardContext context)
    {
        var (values, picks) = probabilities.TopK(most); // [T, K], falling
        var before = values.CumSum(1, exclusive: true);
        var threshold = context.Threshold ?? values.Scalar(p);
        var kept = strict ? before.LessOrEqual(threshold) : before.Less(threshold);
        return (kept.Where(picks, picks.Scalar(-1)), kept.Where(values, values.Scalar(0)));
    }
}
