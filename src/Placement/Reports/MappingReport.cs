using System.Globalization;
using OnnxMoe.Artifacts.Reports;
using OnnxMoe.Placement.Costs;
using OnnxMoe.Placement.Mappings;

namespace OnnxMoe.Placement.Reports;

/// <summary>The page of the verb <c>map</c>: the best mapping, what it is compared with, where each rank lies, where the time and the bytes go.</summary>
/// <param name="result">Has a best mapping.</param>
/// <param name="listed">The mappings of the table.</param>
/// <param name="model">Predicts the traffic.</param>
/// <param name="assumptions">What it rests on.</param>
public sealed class MappingReport(MappingSearchResult result, IReadOnlyList<StepEstimate> listed, StepTimeModel model, CostAssumptions assumptions)
{
    readonly StepEstimate _best = result.Best!;
    readonly TrainingJob _job = result.Job;

    /// <summary>The best one and the best of the other kind.</summary>
    List<StepEstimate> Compared => _best.Mapping.Grid.IsFolded
        ? [_best, .. result.BestUnfolded is { } unfolded ? [unfolded] : Array.Empty<StepEstimate>()]
        : [_best, .. result.BestFolded is { } folded ? [folded] : Array.Empty<StepEstimate>()];

    /// <summary>Builds the page.</summary>
    public HtmlReport Build()
    {
        var report = new HtmlReport($"Mapping of {_job.Model.Name}", $"{_job.Model.Name} on '{_job.Cluster.Name}' ({_job.Gpus} GPUs), {_job.Batch} sequences of {_job.Sequence} tokens a step. Everything here is predicted by a model of costs; nothing was run.");
        Result(report);
        Candidates(report);
        Grids(report);
        Time(report);
        Bytes(report);
        Constraints(report);
        return report;
    }

    static string Kind(StepEstimate estimate) => estimate.Mapping.Grid.IsFolded ? "folded" : "unfolded";

    void Result(HtmlReport report)
    {
        report.Section("Result", $"{_best.Mapping} ({Kind(_best)}).").KeyFigures(
            new KeyFigure("Share of the peak (MFU)", Units.Percent(_best.Mfu), "useful operations"),
            new KeyFigure("Step", Units.Seconds(_best.Seconds), string.Create(CultureInfo.InvariantCulture, $"{(double)_job.Batch * _job.Sequence / _best.Seconds:N0} tokens a second")),
            new KeyFigure("Memory of the fullest GPU", Units.Bytes((long)_best.Memory.Total), $"of {Units.Bytes(result.Available)}"),
            new KeyFigure("Waiting for the pipeline", Units.Percent(_best.Bubble / _best.Seconds), $"{_best.Mapping.Grid.Pp} stages of {_best.Mapping.VirtualStages} pieces"));
        report.Text(result switch
        {
            { BestFolded: { } folded, BestUnfolded: { } unfolded } => $"Best folded mapping: {Units.Percent(folded.Mfu)} ({folded.Mapping}). Best with expert parallelism inside data parallelism and experts sliced like attention: {Units.Percent(unfolded.Mfu)} ({unfolded.Mapping}).",
            { BestUnfolded: null } => "No mapping with expert parallelism inside data parallelism fits.",
            _ => "No folded mapping fits.",
        });
    }

    void Candidates(HtmlReport report)
    {
        report.Section("Best mappings", "One line for each pair of grids, with its best micro batch, pieces and recomputation.");
        report.Table(new ReportTable(["mapping", "kind", "MFU", "step", "memory", "bubble", "collectives, of a layer's time", "experts' products, of it"], [.. listed.Select(Row)], 0));
    }

    static IReadOnlyList<string> Row(StepEstimate e) =>
    [
        $"{e.Mapping}", Kind(e), Units.Percent(e.Mfu), Units.Seconds(e.Seconds), Units.Bytes((long)e.Memory.Total), Units.Percent(e.Bubble / e.Seconds),
        Units.Percent(e.Layer.Communication / e.Layer.Total), Units.Percent(e.Layer.Experts / e.Layer.Total),
    ];

    void Grids(HtmlReport report)
    {
        var grid = _best.Mapping.Grid;
        report.Section("Where the ranks lie", "Both grids on the nodes. GPUs of one colour have the same index along the axis: along TP and CP they hold different parts of the same sequence, along EP different experts, along DP and EDP copies of the same weights.");
        (string Title, int Size, Func<int, int> Index)[] axes =
        [
            ("Pipeline stage (both grids)", grid.Pp, rank => grid.Attention.Index(rank, GridAxis.Pp)),
            ("Attention: part of the sequence (TP and CP)", grid.Tp * grid.Cp, rank => grid.Attention.Index(rank, GridAxis.Tp) + grid.Tp * grid.Attention.Index(rank, GridAxis.Cp)),
            ("Attention: replica (DP)", grid.Dp, rank => grid.Attention.Index(rank, GridAxis.Dp)),
            ("Experts: which of them (EP)", grid.Ep, rank => grid.Experts.Index(rank, GridAxis.Ep)),
            ("Experts: slice (ETP)", grid.Etp, rank => grid.Experts.Index(rank, GridAxis.Tp)),
            ("Experts: replica (EDP)", grid.Edp, rank => grid.Experts.Index(rank, GridAxis.Cp) + grid.Experts.Size(GridAxis.Cp) * grid.Experts.Index(rank, GridAxis.Dp)),
        ];
        report.Charts([.. axes.Where(axis => axis.Size > 1).Select(axis => Map(axis.Title, axis.Index))]);
        if (axes.Where(axis => axis.Size == 1).Select(axis => axis.Title).ToList() is { Count: > 0 } single)
            report.Text($"Not divided, so the same on all GPUs: {string.Join("; ", single)}.");
    }

    HeatMap Map(string title, Func<int, int> index) => new(title, "GPU of the node", [.. Enumerable.Range(0, _job.GpusPerNode).Select(i => $"{i}")], "node",
        [.. Enumerable.Range(0, _job.Cluster.Nodes).Select(n => _job.Cluster.Devices[n * _job.GpusPerNode].NodeName)], "index",
        [.. Enumerable.Range(0, _job.Cluster.Nodes).Select(n => (IReadOnlyList<double>)[.. Enumerable.Range(0, _job.GpusPerNode).Select(i => (double)index(n * _job.GpusPerNode + i))])])
    {
        Lowest = 0,
        Height = Math.Clamp(22 * _job.Cluster.Nodes + 130, 220, 1200),
    };

    void Time(HtmlReport report)
    {
        report.Section("Where the time goes", "Seconds of a step on a GPU.");
        var parts = Compared.Select(Parts).ToList();
        report.Charts(new BarChart("Step by part", [.. Compared.Select((e, i) => Kind(e))], "seconds", [.. parts[0].Select((part, p) => new ChartSeries(part.Name, [.. parts.Select(of => of[p].Seconds)]))])
        {
            Stacked = true,
            Wide = true,
            Height = 420,
        });
        report.Table(new ReportTable(["part", .. Compared.Select(e => $"{Kind(e)}: {e.Mapping}")], [.. parts[0].Select((part, p) => (IReadOnlyList<string>)[part.Name, .. parts.Select(of => Units.Seconds(of[p].Seconds))])]));
    }

    List<(string Name, double Seconds)> Parts(StepEstimate e)
    {
        var passes = _job.Batch / (e.Mapping.Grid.Dp * e.Mapping.MicroBatch) * (double)_job.Model.Layers / e.Mapping.Grid.Pp;
        List<(string, double)> parts =
        [
            ("dense products", passes * e.Layer.Dense), ("attention", passes * e.Layer.Core), ("products of experts", passes * e.Layer.Experts), ("elementwise work", passes * e.Layer.Elementwise),
            ("TP", passes * e.Layer.Tensor), ("CP", passes * e.Layer.Context), ("EP", passes * e.Layer.Dispatch), ("ETP", passes * e.Layer.ExpertTensor),
            ("between stages", e.Pipeline), ("bubble", e.Bubble), ("gradients and weights (DP, EDP)", e.DataParallel), ("optimizer", e.Optimizer),
        ];
        return [.. parts, ("output layer", e.Seconds - parts.Sum(part => part.Item2))];
    }

    void Bytes(HtmlReport report)
    {
        report.Section("What goes over which links", "Bytes of a step over all GPUs.");
        var traffic = Compared.Select(e => model.TrafficOf(e.Mapping)).ToList();
        report.Charts([.. Compared.Select((e, i) => new BarChart($"Links: {Kind(e)}", [.. traffic[i].Select(t => t.Purpose)], "GiB a step",
            [new ChartSeries("within nodes", [.. traffic[i].Select(t => t.BytesWithin / (1L << 30))]), new ChartSeries("between nodes", [.. traffic[i].Select(t => t.BytesBetween / (1L << 30))])])
        {
            Wide = true,
        })]);
        report.Table(new ReportTable(["purpose", .. Compared.SelectMany(e => new[] { $"{Kind(e)}, within nodes", $"{Kind(e)}, between nodes" })],
            [.. traffic[0].Select((t, p) => (IReadOnlyList<string>)[t.Purpose, .. traffic.SelectMany(of => new[] { Units.Bytes((long)of[p].BytesWithin), Units.Bytes((long)of[p].BytesBetween) })])]));
    }

    void Constraints(HtmlReport report)
    {
        report.Section("What removed the others");
        report.Table(new ReportTable(["constraint", "mappings"],
        [
            ["divide GPUs, layers, heads and experts, but not tokens, pieces or the batch", Units.Number(result.Indivisible)],
            ["weights, gradients and optimizer alone exceed the memory", Units.Number(result.TooMuchState)],
            ["activations exceed what is left of it", Units.Number(result.TooManyActivations)],
            ["fit, and are slower than the best", Units.Number(result.Fitting.Count - 1)],
        ]));
        report.Text(string.Create(CultureInfo.InvariantCulture,
            $"Assumed: large matrix products reach {assumptions.GemmShare:P0} of the peak, attention {assumptions.AttentionShare:P0}, links {assumptions.LinkShare:P0} and memory {assumptions.MemoryShare:P0} of their bandwidth; {assumptions.RuntimeGiB:0.#} GiB a GPU for the runtime; experts equally loaded.")
            + (_job.Cluster.Devices[0].MemoryBytesPerSecond > 0 ? "" : " The cluster does not say the GPUs' memoryGigabytesPerSecond, so elementwise work and the optimizer count nothing."));
    }
}
