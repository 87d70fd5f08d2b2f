using OnnxMoe.Artifacts.Reports;
using OnnxMoe.Placement.Costs;
using OnnxMoe.Placement.Generalization;

namespace OnnxMoe.Placement.Reports;

/// <summary>Fit beside test: what is left of each method's gain on tokens that it has not seen.</summary>
sealed class GeneralizationSection(GeneralizationStudy study, Candidate winner)
{
    public void AddTo(HtmlReport report)
    {
        if (study.Scores.Count == 0)
            return;
        var splits = study.Scores[0].Test.Count;
        report.Section("Does it hold on other tokens?", $"Objective of each method, fitted on a random half of the blocks of tokens and measured on both halves, mean of {splits} splits; 1 x the sum of the weights is the contiguous plan. "
            + "The splits overlap, so that the intervals are, if anything, too narrow. Solvers had a part of their time limits here.");
        report.Charts(new BarChart("Objective on fitted and on held-out tokens", [.. study.Scores.Select(s => s.Method)], "objective, lower is better",
            [new ChartSeries("fit", [.. study.Scores.Select(s => s.Fit.Average())]), new ChartSeries("test", [.. study.Scores.Select(s => s.Test.Average())])]));
        var best = study.Scores.MinBy(s => s.Mean)!;
        report.Table(new ReportTable(["method", "fit", "test", $"test, above {best.Method}", "verdict"], [.. study.Scores.Select(s => Row(s, best))]));
        foreach (var warning in study.Warnings)
            report.Warning(warning);
        if (study.Drift is { } drift)
            report.Charts(new HeatMap($"Drift: max / mean load of {winner.Method}", "measured on", [.. drift.Groups], "fitted on", [.. drift.Groups], "max / mean", drift.MaxOverMean)
            { Lowest = 1, Height = Math.Clamp(34 * drift.Groups.Count + 130, 200, 600) });
    }

    IReadOnlyList<string> Row(SplitScores scores, SplitScores best)
    {
        var (mean, half) = scores.Minus(best);
        return [scores.Method, Units.Number(scores.Fit.Average(), 4), Units.Number(scores.Mean, 4), scores == best ? "-" : $"{Units.Number(mean, 4)} +- {Units.Number(half, 4)}",
            scores.Method == study.Recommendation?.Method ? "recommended" : scores == best ? "best" : scores.IsWorseThan(best) ? "worse" : "not significantly worse"];
    }
}
