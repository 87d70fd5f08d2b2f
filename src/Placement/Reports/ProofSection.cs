using OnnxMoe.Artifacts.Placement;
using OnnxMoe.Artifacts.Reports;
using OnnxMoe.Placement.Costs;

namespace OnnxMoe.Placement.Reports;

/// <summary>What is proved about the written plan, and what each GPU holds.</summary>
sealed class ProofSection(IReadOnlyList<Candidate> candidates, PlacementPlan plan)
{
    public void AddTo(HtmlReport report)
    {
        report.Section("How good can a plan be?", "Time of the busiest GPU, summed over the layers, on the fitted tokens, and what no plan can beat: the better of counting arguments and of what a program proved. With copies the bound is that of any plan with as many slots.");
        report.Table(new ReportTable(["method", "busiest GPU, tokens", "bound", "gap", "objective, fit", "objective, test", "time"], [.. candidates.Select(c => (IReadOnlyList<string>)
            [c.Method, Units.Number(c.Balance!.Objective), Units.Number(c.Balance.Bound), Units.Percent(c.Balance.Gap), Units.Number(c.Objective.Fit, 4), c.Objective.Test is { } test ? Units.Number(test, 4) : "-", Units.Seconds(c.Seconds)])]));
        foreach (var c in candidates.Where(c => c.Solution!.Convergence.Count > 1))
        {
            var curve = c.Solution!.Convergence;
            report.Charts(new LineChart($"Convergence of {c.Method}", "seconds", "objective",
                [new ChartSeries("objective", [.. curve.Select(p => p.Value)]) { At = [.. curve.Select(p => p.Seconds)] },
                    new ChartSeries("bound", [.. curve.Select(_ => c.Solution.Solves[0].Bound)]) { At = [.. curve.Select(p => p.Seconds)] }])
            { Wide = true, Height = 240 });
        }
        if (plan.Solves.Count > 0)
        {
            report.Section("Solver", "Of the plan as written. \"optimal\": proved. \"within gap\": proved to be that close to the optimum. \"stopped\": the time limit came first; the bound says how much better another plan could be at most.");
            report.Table(new ReportTable(["program", "engine", "status", "objective", "bound", "gap", "time", "remark"], [.. plan.Solves.Select(Row)]));
        }
        report.Section("GPUs");
        report.Table(new ReportTable(["GPU", "node", "experts of all layers", "fewest a layer", "most a layer", "weights", "memory"], [.. plan.Devices.Select((d, g) => Device(d, g))]));
        report.Text($"Trace {plan.Source.Trace}, SHA-256 {plan.Source.TraceHash}." + (plan.Source.ModelHash == "" ? "" : $" Model {plan.Source.Model}, SHA-256 {plan.Source.ModelHash}."));
    }

    static IReadOnlyList<string> Row(SolveRecord s) =>
        [s.Program, s.Engine, s.Status, Value(s.Objective), Value(s.Bound), Units.Percent(s.Gap), Units.Seconds(s.Seconds), s.Note];

    static string Value(double value) => Units.Number(value, Math.Abs(value) < 100 ? 4 : 1);

    IReadOnlyList<string> Device(PlacedDevice device, int gpu)
    {
        var counts = plan.Layers.Select(l => l.Devices[gpu].Count).ToList();
        return [$"{gpu}", device.Node, $"{counts.Sum()}", $"{counts.Min()}", $"{counts.Max()}",
            device.UsedBytes == 0 ? "-" : Units.Bytes(device.UsedBytes), device.MemoryBytes == 0 ? "-" : Units.Bytes(device.MemoryBytes)];
    }
}
