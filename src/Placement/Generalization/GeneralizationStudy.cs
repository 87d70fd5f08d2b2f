namespace OnnxMoe.Placement.Generalization;

/// <summary>What fitting on other tokens says about the methods.</summary>
/// <param name="Scores">Every method on several splits; empty when there were none.</param>
/// <param name="Drift">The chosen method fitted on one kind of tokens and measured on others; null where there is one kind only.</param>
public sealed record GeneralizationStudy(IReadOnlyList<SplitScores> Scores, DriftStudy? Drift)
{
    /// <summary>The simplest method that is not significantly worse than the best; null without splits.</summary>
    public Recommendation? Recommendation { get; } = Recommendation.Of(Scores);

    /// <summary>Gains that do not survive, a sentence each.</summary>
    public IReadOnlyList<string> Warnings { get; } = Recommendation.Warnings(Scores);
}
