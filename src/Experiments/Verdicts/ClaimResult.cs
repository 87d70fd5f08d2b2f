namespace OnnxMoe.Experiments.Verdicts;

/// <summary>A claim with what was measured for it.</summary>
/// <param name="Claim">The statement.</param>
/// <param name="Difference">The numbers, seed by seed.</param>
/// <param name="Verdict">Null for a claim that is only reported.</param>
/// <param name="Note">Why the verdict is what it is, where the numbers alone do not say so; may be empty.</param>
public sealed record ClaimResult(Claim Claim, PairedDifference Difference, Verdict? Verdict, string Note)
{
    /// <summary>The claim left open for a reason that the numbers do not show, for example a router that collapsed.</summary>
    public ClaimResult Open(string why) => this with { Verdict = Verdict is null ? null : Verdicts.Verdict.Inconclusive, Note = why };
}
