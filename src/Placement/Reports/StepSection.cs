using OnnxMoe.Artifacts.Reports;
using OnnxMoe.Placement.Costs;
using OnnxMoe.Placement.Simulation;

namespace OnnxMoe.Placement.Reports;

/// <summary>What a plan comes to in a step: simulated times of the routed layers, all methods on the same batches.</summary>
sealed class StepSection(PlacementInput input, IReadOnlyList<Candidate> candidates, PlaceOptions options)
{
    public void AddTo(HtmlReport report)
    {
        if (input.Trace is not { } trace || StepSimulator.Missing(input.Cluster, input.Sizes) is not null)
            return;
        var tokens = input.Test.Length > 0 ? input.Test : input.Fit;
        var steps = new StepOptions { BatchTokens = options.StepTokens, Seed = options.Seed };
        var simulated = candidates.Select(c => (c.Method, Times: new StepSimulator(input.Cluster, input.Sizes, steps).Run(c.Solution!.Layers, trace, tokens))).ToList();
        report.Section("Simulated step", $"Seconds of the routed layers in a step of {steps.BatchTokens:N0} tokens drawn from the held-out ones, {steps.Steps} steps: dispatch, experts, combine, without overlap; the slowest GPU of each layer decides. "
            + "Attention and all else that a plan does not change is left out. Simulated from peaks of data sheets: good for comparing plans, not for promising times.");
        report.Charts(new BarChart("Simulated step", [.. simulated.Select(s => s.Method)], "milliseconds",
            [new ChartSeries("mean", [.. simulated.Select(s => 1e3 * s.Times.Mean)]), new ChartSeries("slowest of 20", [.. simulated.Select(s => 1e3 * s.Times.P95)])]));
        report.Table(new ReportTable(["method", "mean", "median", "95 %", "slowest", "slowest GPU / mean GPU", "communication"], [.. simulated.Select(s => (IReadOnlyList<string>)
            [s.Method, Units.Seconds(s.Times.Mean), Units.Seconds(s.Times.P50), Units.Seconds(s.Times.P95), Units.Seconds(s.Times.Max), Units.Number(s.Times.Tail, 3), Units.Percent(s.Times.CommunicationShare)])]));
        foreach (var note in simulated.SelectMany(s => s.Times.Notes).Distinct())
            report.Text(note);
    }
}
