using System.Globalization;
using OnnxMoe.Artifacts.Reports;
using OnnxMoe.Placement.Costs;

namespace OnnxMoe.Placement.Sharding;

/// <summary>The page of <c>shard</c>: how uneven the load is, what each policy makes of it, what it takes in bytes and memory.</summary>
/// <param name="study">What was simulated.</param>
/// <param name="trainings">All policies, plain expert parallelism first.</param>
/// <param name="gaps">Distances from the best copies.</param>
public sealed class ShardingReport(ShardingStudy study, IReadOnlyList<SimulatedTraining> trainings, IReadOnlyList<CopyGap> gaps)
{
    /// <summary>A curve has no more points than this.</summary>
    const int Points = 400;

    readonly SimulatedTraining _plain = trainings[0];
    readonly SimulatedTraining _hecate = trainings.First(training => training.Policy.Name == "hecate");

    string[] Names => [.. trainings.Select(training => training.Policy.Name)];

    /// <summary>Builds the page.</summary>
    public HtmlReport Build()
    {
        var (counts, cluster) = (study.Counts, study.Costs.Cluster);
        var report = new HtmlReport($"Sharded training on {cluster.Name}", string.Create(CultureInfo.InvariantCulture,
            $"{counts.Iterations} recorded iterations, {counts.Layers} layers of {counts.Experts} experts, simulated on {cluster.Devices.Count} GPUs: an iteration of plain expert parallelism takes {Units.Seconds(_plain.Seconds)}, of Hecate {Units.Seconds(_hecate.Seconds)}."));
        report.Section("Imbalance").KeyFigures(
            new KeyFigure("Max / mean load", Units.Number(_plain.Straggler, 3), "plain expert parallelism"),
            new KeyFigure("With Hecate", Units.Number(_hecate.Straggler, 3), $"t = {study.Overlap} experts, m = {study.CopiesKept} copies a device"),
            new KeyFigure("Iteration", Units.Percent(_hecate.Seconds / _plain.Seconds), "of plain expert parallelism, simulated"));
        if (_plain.Straggler < ShardRun.NothingToGain)
            report.Warning(ShardRun.Nothing(_plain));
        if (study.Overlap == 0)
            report.Warning("Attention hides no expert's transfer, so Hecate copies nothing.");
        report.Charts(Stragglers());
        Policies(report);
        Gaps(report);
        Assumptions(report);
        return report;
    }

    LineChart Stragglers()
    {
        var block = Math.Max(1, (study.Counts.Iterations + Points - 1) / Points);
        ChartSeries Curve(SimulatedTraining training) => new(training.Policy.Name, [.. training.Iterations.Chunk(block).Select(part => part.Average(i => i.Straggler))])
        {
            At = [.. training.Iterations.Chunk(block).Select((_, i) => (double)(i * block))],
        };
        return new LineChart("Max / mean load of the devices", "iteration", "max / mean, mean of the layers", [.. trainings.Select(Curve)]) { Wide = true, Note = "1 is even." };
    }

    void Policies(HtmlReport report)
    {
        report.Section("Policies compared", "Simulated; means over the iterations. Exposed: transfers of experts that no attention hides. Moving: weights and optimizer states that change their owner.");
        ChartSeries Part(string name, Func<IterationTotals, double> of) => new(name, [.. trainings.Select(training => 1e3 * training.Mean(of))]);
        ChartSeries Bytes(string name, Func<MemorySplit, long> of) => new(name, [.. trainings.Select(training => of(training.Memory) / (double)(1L << 20))]);
        report.Charts(
            new BarChart("Time of an iteration", Names, "ms", [Part("attention", i => i.Attention), Part("experts", i => i.Experts), Part("all-to-all", i => i.AllToAll), Part("exposed", i => i.Exposed), Part("moving", i => i.Moving)]) { Stacked = true },
            new BarChart("Experts' memory at its peak", Names, "MiB", [Bytes("optimizer states", m => m.States), Bytes("gradients", m => m.Gradients), Bytes("weights", m => m.Weights)]) { Stacked = true, Note = "On the device that has most." });
        report.Table(new ReportTable(["policy", "what it does"], [.. trainings.Select(training => (IReadOnlyList<string>)[training.Policy.Name, training.Policy.Meaning])]));
        report.Table(new ReportTable(
            ["policy", "max / mean load", "iteration", "of ep", "experts", "all-to-all", "exposed", "moving", "copies", "weights and gradients sent", "tokens sent", "memory"],
            [.. trainings.Select(Row)], trainings.ToList().IndexOf(_hecate)));
    }

    IReadOnlyList<string> Row(SimulatedTraining t) =>
    [
        t.Policy.Name, Units.Number(t.Straggler, 3), Units.Seconds(t.Seconds), Units.Percent(t.Seconds / _plain.Seconds), Units.Seconds(t.Mean(i => i.Experts)), Units.Seconds(t.Mean(i => i.AllToAll)),
        Units.Seconds(t.Mean(i => i.Exposed)), Units.Seconds(t.Mean(i => i.Moving)), Units.Number(t.Mean(i => i.Copies)), Units.Bytes((long)t.Mean(i => i.CollectiveBytes)), Units.Bytes((long)t.Mean(i => i.TokenBytes)), Units.Bytes(t.Memory.Total),
    ];

    void Gaps(HtmlReport report)
    {
        if (gaps.Count == 0)
            return;
        report.Section("How far from the best", "Max / mean load of the first layer when its counts are known beforehand. Best: an integer program over all copies with the same caps, whose tokens may be split at will, which no dispatch rule can.");
        report.Table(new ReportTable(["iteration", "without copies", "Hecate's copies", "the same, split at will", "best found", "no less than", "program"],
            [.. gaps.Select(gap => (IReadOnlyList<string>)[$"{gap.Iteration}", Units.Number(gap.Without, 3), Units.Number(gap.Heuristic, 3), Units.Number(gap.Split, 3), Units.Number(gap.Best, 3), Units.Number(gap.Bound, 3), gap.Status])]));
    }

    void Assumptions(HtmlReport report)
    {
        var (model, counts) = (study.Costs.Model, study.Counts);
        report.Section("What was assumed");
        report.Text(string.Create(CultureInfo.InvariantCulture,
            $"Counts of {counts.Name}. Hidden size {model.HiddenSize}, experts of two matrices of hidden size {model.ExpertHidden} ({Units.Bytes(model.ExpertBytes)}), sequences of {model.SequenceLength}, {model.TokensPerDevice:N0} tokens a device, spread evenly; a recorded token stands for {study.Scale:0.##}. GPUs reach {Units.Percent(model.Efficiency)} of their peak. Attention takes {Units.Seconds(study.Costs.Attention)} a layer."));
        report.Text("The backward takes twice the forward. A transfer takes as long as its busiest port, and hides behind attention (twice that in the backward). Not in it: optimizer steps, embeddings and dense gradients, which are the same for all policies; kernels' start-up; congestion.");
    }
}
