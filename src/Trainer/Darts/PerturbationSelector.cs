using OnnxMoe.Trainer.Cells;

namespace OnnxMoe.Trainer.Darts;

/// <summary>
/// Keeps the candidate without which the supernet does worst (Wang et al. 2021, DARTS-PT, arXiv 2108.04392). What a deleted one contributed is missing: the others'
/// weights do not grow.
/// </summary>
/// <param name="criterion">Measures the supernet.</param>
public sealed class PerturbationSelector(DeletionCriterion criterion) : OpSelector
{
    public override IReadOnlyList<double> Score(SoftGates gates, int edge)
    {
        var scores = new double[gates.Candidates];
        for (var op = 0; op < scores.Length; op++)
        {
            gates.Deleted = (edge, op);
            scores[op] = criterion.Measure();
        }
        gates.Deleted = null;
        return scores;
    }

    public override int Best(IReadOnlyList<double> scores) => criterion.FromWorst(scores).First();
}
