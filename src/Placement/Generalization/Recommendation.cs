using OnnxMoe.Placement.Costs;

namespace OnnxMoe.Placement.Generalization;

/// <summary>The simplest method that is not significantly worse on held-out tokens than the best one.</summary>
/// <param name="Method">Its name.</param>
/// <param name="Reason">Why, in a sentence or two.</param>
public sealed record Recommendation(string Method, string Reason)
{
    /// <summary>Recommends; null without scores.</summary>
    /// <param name="scores">Methods from the simplest on.</param>
    public static Recommendation? Of(IReadOnlyList<SplitScores> scores)
    {
        if (scores.Count == 0)
            return null;
        var best = scores.MinBy(score => score.Mean)!;
        var simplest = scores.First(score => !score.IsWorseThan(best));
        var reason = simplest == best ? $"it has the lowest objective on held-out tokens ({Units.Number(best.Mean, 4)}, mean of {best.Test.Count} splits), and every simpler method is significantly worse."
            : $"on held-out tokens its objective ({Units.Number(simplest.Mean, 4)}) is not significantly above that of {best.Method} ({Units.Number(best.Mean, 4)}; difference {Difference(simplest, best)} over {best.Test.Count} splits), and it is the simpler one.";
        return new Recommendation(simplest.Method, reason);
    }

    /// <summary>Methods whose gain over a simpler one on the fitted tokens is gone on held-out ones, a sentence each.</summary>
    public static IReadOnlyList<string> Warnings(IReadOnlyList<SplitScores> scores)
    {
        var warnings = new List<string>();
        for (var m = 1; m < scores.Count; m++)
        {
            var simpler = scores.Take(m).MinBy(score => score.Mean)!;
            var (fitGain, (test, half)) = (simpler.Fit.Average() - scores[m].Fit.Average(), scores[m].Minus(simpler));
            if (fitGain > 0.001 && test > -half)
                warnings.Add($"{scores[m].Method} is better than {simpler.Method} by {Units.Number(fitGain, 4)} on the tokens it was fitted on, but on held-out ones {(test > 0 ? "worse" : "better")} by {Units.Number(Math.Abs(test), 4)} +- {Units.Number(half, 4)}: the gain does not survive.");
        }
        return warnings;
    }

    static string Difference(SplitScores a, SplitScores b) => a.Minus(b) is var (mean, half) ? $"{Units.Number(mean, 4)} +- {Units.Number(half, 4)}" : "";
}
