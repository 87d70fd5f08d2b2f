using OnnxMoe.Artifacts.Placement;
using OnnxMoe.Artifacts.Reports;
using OnnxMoe.Placement.Costs;
using OnnxMoe.Placement.Generalization;
using OnnxMoe.Placement.Solvers;

namespace OnnxMoe.Placement.Reports;

/// <summary>The page a person looks at after <c>place</c>: result, comparison, where the load and the traffic go, what is proved.</summary>
/// <param name="input">What was read.</param>
/// <param name="candidates">All methods, fitted on the fit tokens.</param>
/// <param name="winner">The chosen method among them.</param>
/// <param name="final">The plan that was written.</param>
/// <param name="plan">The same as a file.</param>
/// <param name="study">What other splits of the tokens say.</param>
/// <param name="options">Settings of the run.</param>
public sealed class PlacementReport(PlacementInput input, IReadOnlyList<Candidate> candidates, Candidate winner, PlacementSolution final, PlacementPlan plan, GeneralizationStudy study, PlaceOptions options)
{
    readonly List<Candidate> _solved = [.. candidates.Where(c => c.Solution is not null)];
    readonly Candidate _baseline = candidates.First(c => c.Solution is not null);

    bool HasTest => input.Test.Length > 0;

    bool HasFlow => input.Trace is not null && plan.Layers.Count > 1;

    /// <summary>Builds the page.</summary>
    public HtmlReport Build()
    {
        var report = new HtmlReport($"Placement of {input.Source.Model}", Summary());
        Result(report);
        Compare(report);
        new LoadSection(input, _baseline, winner).AddTo(report);
        if (HasFlow)
            new TrafficSection(input, _baseline, winner).AddTo(report);
        new ExpertCostSection(input, final, options).AddTo(report);
        new StepSection(input, _solved, options).AddTo(report);
        new GeneralizationSection(study, winner).AddTo(report);
        new ProofSection(_solved, plan).AddTo(report);
        return report;
    }

    string Summary()
    {
        var layers = plan.Layers;
        return $"{layers.Count} layers of {string.Join("/", layers.Select(l => l.Experts).Distinct())} experts on '{input.Cluster.Name}' ({plan.Devices.Count} GPUs), planned by {plan.Solver} from {input.Source.Trace}"
            + (HasTest ? $": fitted on {input.Fit.Length} tokens, tested on {input.Test.Length} others." : ".");
    }

    void Result(HtmlReport report)
    {
        report.Section("Result").KeyFigures(Figures());
        foreach (var note in final.Notes)
            report.Warning(note);
        if (input.Trace?.Warning is { } warning)
            report.Warning(warning);
        report.Text(Verdict.On(winner, _baseline));
        if (study.Recommendation is { } recommended)
            report.Text($"What to do: take {recommended.Method}; {recommended.Reason}" + (recommended.Method == winner.Method ? "" : $" The plan that was written is {winner.Method}'s; for the other, plan again with --method {recommended.Method}."));
        if (winner.Before is { } before && HasFlow)
            report.Text(Verdict.OnAssignment(winner, before));
    }

    List<KeyFigure> Figures()
    {
        var (mine, theirs) = (winner.Test ?? winner.Fit!, _baseline.Test ?? _baseline.Fit!);
        var where = HasTest ? "held-out tokens" : "fitted counts";
        var figures = new List<KeyFigure>
        {
            new("Max / mean load", Units.Number(mine.MaxOverMean, 3), $"{_baseline.Method} {Units.Number(theirs.MaxOverMean, 3)}, {where}"),
            new("Proved", Units.Percent(winner.Balance!.Gap), "is the most that any plan could balance better, on the fitted tokens"),
        };
        if (HasFlow)
        {
            figures.Add(new("Busiest traffic (flow)", Units.Number(mine.FlowBusiest), $"{_baseline.Method} {Units.Number(theirs.FlowBusiest)} tokens, {where}"));
            figures.Add(new("Other GPUs a token (home)", Units.Number(mine.HomeCopies, 2), $"{_baseline.Method} {Units.Number(theirs.HomeCopies, 2)}, a layer"));
        }
        if (plan.Devices.Any(d => d.UsedBytes > 0))
            figures.Add(new("Most memory on a GPU", Units.Bytes(plan.Devices.Max(d => d.UsedBytes)), plan.Devices[0].MemoryBytes > 0 ? $"of {Units.Bytes(plan.Devices[0].MemoryBytes)}" : ""));
        return figures;
    }

    void Compare(HtmlReport report)
    {
        report.Section("Methods compared",
            "Each method saw only the fit tokens (even blocks); the test tokens (odd blocks) say what to expect. Flow: a token moves from the GPU of its expert to the GPU of its next layer's expert, as MoETuner counts. "
            + "Home: each layer sends the token from its home GPU to its experts and back, as most servers do; tokens are spread evenly over the GPUs. Smaller is better everywhere.");
        report.Charts(Bars("Max / mean load of the GPUs", "max / mean", m => m.MaxOverMean, "Mean over the layers; 1 is perfect.", 1));
        if (HasFlow)
        {
            report.Charts(
                Bars("Busiest pair of GPUs, flow model", "tokens on the fastest link", m => m.FlowBusiest, "Summed over the layers (the paper's second objective).", double.NaN),
                Bars("Busiest pair of GPUs, home model", "tokens on the fastest link", m => m.HomeBusiest, "Dispatch and combine, summed over the layers.", double.NaN));
        }
        report.Table(MeasureTable());
        foreach (var failed in candidates.Where(c => c.Solution is null))
            report.Text($"{failed.Method}: {failed.Failure}");
    }

    BarChart Bars(string title, string value, Func<PlanMeasures, double> of, string note, double reference)
    {
        var series = new List<ChartSeries> { new("fit", [.. _solved.Select(c => of(c.Fit!))]) };
        if (HasTest)
            series.Add(new ChartSeries("test", [.. _solved.Select(c => of(c.Test!))]));
        return new BarChart(title, [.. _solved.Select(c => c.Method)], value, series) { Note = note, Reference = reference };
    }

    ReportTable MeasureTable()
    {
        var measures = MeasureList.All.Where(m => double.IsFinite(m.Of(winner.Fit!))).ToList();
        IReadOnlyList<string> columns = ["measure (fit / test)", .. _solved.Select(c => c.Method)];
        return new ReportTable(columns, [.. measures.Select(m => (IReadOnlyList<string>)[m.Words, .. _solved.Select(c =>
            Units.Number(m.Of(c.Fit!), m.Digits) + (c.Test is null ? "" : $" / {Units.Number(m.Of(c.Test), m.Digits)}"))])]);
    }
}
