using OnnxMoe.Artifacts.Reports;
using OnnxMoe.Placement.Costs;

namespace OnnxMoe.Placement.Reports;

/// <summary>GPU x GPU heat maps of the tokens that move from layer to layer (flow model).</summary>
sealed class TrafficSection(PlacementInput input, Candidate baseline, Candidate winner)
{
    public void AddTo(HtmlReport report)
    {
        var tokens = input.Test.Length > 0 ? input.Test : input.Fit;
        var evaluator = new PlanEvaluator(input.Problem(tokens), input.Trace, tokens);
        report.Section("Traffic", "Steps of tokens from layer to layer (and from iteration to iteration within one), from GPU to GPU, summed, on held-out tokens (flow model). The diagonal stays on its GPU and costs nothing.");
        Candidate[] shown = winner.Method == baseline.Method ? [winner] : [baseline, winner];
        var totals = shown.Select(c => evaluator.FlowTotal(c.Solution!.Layers)).ToArray();
        var high = totals.Max(t => t.Max(row => row.Max()));
        report.Charts([.. shown.Zip(totals).Select(p => Map(p.First, p.Second, high))]);
    }

    HeatMap Map(Candidate candidate, double[][] total, double high) =>
        new($"Traffic: {candidate.Method}", "to GPU", Names, "from GPU", Names, "steps", total) { Lowest = 0, Highest = high, Height = 380 };

    string[] Names => [.. input.Cluster.Devices.Select((d, g) => input.Cluster.Nodes > 1 ? $"{d.NodeName}.{g}" : $"{g}")];
}
