namespace OnnxMoe.Experiments.Verdicts;

/// <summary>
/// One statement of a paper, as a difference that is positive when the statement holds. The rule: <em>reproduced</em> when the paired
/// mean is beyond <see cref="Margin"/> by more than one standard error, <em>contradicted</em> when it is short of it by more than one,
/// else <em>inconclusive</em>.
/// </summary>
/// <param name="Kind">How much hangs on it.</param>
/// <param name="Text">The statement.</param>
/// <param name="Measure">What is subtracted from what, with its unit.</param>
public sealed record Claim(ClaimKind Kind, string Text, string Measure)
{
    /// <summary>What the difference must exceed.</summary>
    public double Margin { get; init; }

    /// <summary>The claimed direction must hold at every seed, not only in the mean.</summary>
    public bool EverySeed { get; init; }

    /// <summary>
    /// The claim is only "no worse": reproduced when the mean falls short of <see cref="Margin"/> by no more than one standard error,
    /// contradicted otherwise.
    /// </summary>
    public bool NoWorse { get; init; }

    /// <summary>Applies the rule.</summary>
    public ClaimResult Judge(PairedDifference difference)
    {
        var (verdict, note) = Kind == ClaimKind.Report ? (null, "") : Verdict(difference);
        return new ClaimResult(this, difference, verdict, note);
    }

    private (Verdict?, string) Verdict(PairedDifference difference)
    {
        var values = difference.BySeed;
        if (difference.Failed.Any())
            return (Verdicts.Verdict.Inconclusive, $"no number at seed {string.Join(", ", difference.Failed)}: a run failed");
        if (values.Count < 2)
            return (Verdicts.Verdict.Inconclusive, "one seed gives no standard error");
        var (gain, error) = (difference.Mean - Margin, difference.StandardError);
        if (values.All(pair => pair.Value == 0) && Margin == 0)
            return (NoWorse ? Verdicts.Verdict.Reproduced : Verdicts.Verdict.Inconclusive, "no difference at all, at any seed");
        var note = error == 0 ? "the same at every seed, so the standard error is 0" : "";
        if (NoWorse)
            return (gain >= -error ? Verdicts.Verdict.Reproduced : Verdicts.Verdict.Contradicted, note);
        if (gain < -error)
            return (Verdicts.Verdict.Contradicted, note);
        var against = values.Where(pair => pair.Value <= Margin).Select(pair => pair.Seed).ToArray();
        if (gain > error && EverySeed && against.Length > 0)
            return (Verdicts.Verdict.Inconclusive, $"it does not hold at seed {string.Join(", ", against)}, and every seed was claimed");
        return (gain > error ? Verdicts.Verdict.Reproduced : Verdicts.Verdict.Inconclusive, note);
    }
}
