using OnnxMoe.Artifacts.Placement;
using OnnxMoe.Artifacts.Reports;
using OnnxMoe.Placement.Costs;
using OnnxMoe.Placement.Solvers;

namespace OnnxMoe.Placement.Reports;

/// <summary>What is proved about the written plan, and what each GPU holds.</summary>
sealed class ProofSection(PlacementSolution final, PlacementPlan plan)
{
    public void AddTo(HtmlReport report)
    {
        if (final.Solves.Count > 0)
        {
            report.Section("Solver", "Of the plan as written. \"optimal\": proved. \"within gap\": proved to be that close to the optimum. \"stopped\": the time limit came first; the bound says how much better another plan could be at most.");
            report.Table(new ReportTable(["program", "engine", "status", "objective", "bound", "gap", "time", "remark"], [.. final.Solves.Select(Row)]));
        }
        report.Section("GPUs");
        report.Table(new ReportTable(["GPU", "node", "experts of all layers", "fewest a layer", "most a layer", "weights", "memory"], [.. plan.Devices.Select((d, g) => Device(d, g))]));
        report.Text($"Trace {plan.Source.Trace}, SHA-256 {plan.Source.TraceHash}." + (plan.Source.ModelHash == "" ? "" : $" Model {plan.Source.Model}, SHA-256 {plan.Source.ModelHash}."));
    }

    static IReadOnlyList<string> Row(SolveRecord s) =>
        [s.Program, s.Engine, s.Status, Units.Number(s.Objective, 1), Units.Number(s.Bound, 1), Units.Percent(s.Gap), Units.Seconds(s.Seconds), s.Note];

    IReadOnlyList<string> Device(PlacedDevice device, int gpu)
    {
        var counts = plan.Layers.Select(l => l.Devices[gpu].Count).ToList();
        return [$"{gpu}", device.Node, $"{counts.Sum()}", $"{counts.Min()}", $"{counts.Max()}",
            device.UsedBytes == 0 ? "-" : Units.Bytes(device.UsedBytes), device.MemoryBytes == 0 ? "-" : Units.Bytes(device.MemoryBytes)];
    }
}
