using OnnxMoe.Experiments.Verdicts;

namespace OnnxMoe.Experiments;

/// <summary>What an experiment found.</summary>
/// <param name="Setup">What was trained on what, with sizes, in a few sentences.</param>
/// <param name="Arms">The runs.</param>
/// <param name="Metrics">Columns of the tables.</param>
/// <param name="Claims">The claims with their numbers and verdicts.</param>
/// <param name="Summary">The main numbers in a sentence, for the table of systems.</param>
public sealed record ExperimentResult(string Setup, IReadOnlyList<ArmResult> Arms, IReadOnlyList<Metric> Metrics, IReadOnlyList<ClaimResult> Claims, string Summary)
{
    /// <summary>Where the experiment departs from the paper's, and why; what the numbers cannot show.</summary>
    public IReadOnlyList<string> Notes { get; init; } = [];

    /// <summary>Tables besides those of the arms.</summary>
    public IReadOnlyList<ResultTable> Tables { get; init; } = [];

    /// <summary>
    /// Of all primary claims together: contradicted when one is, reproduced when all are, else inconclusive; null without a primary claim.
    /// </summary>
    public Verdict? Verdict
    {
        get
        {
            var primary = Claims.Where(claim => claim.Claim.Kind == ClaimKind.Primary).Select(claim => claim.Verdict).ToArray();
            return primary.Length == 0 ? null
                : primary.Contains(Verdicts.Verdict.Contradicted) ? Verdicts.Verdict.Contradicted
                : primary.All(verdict => verdict == Verdicts.Verdict.Reproduced) ? Verdicts.Verdict.Reproduced
                : Verdicts.Verdict.Inconclusive;
        }
    }
}
