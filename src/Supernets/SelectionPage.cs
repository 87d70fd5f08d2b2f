using System.Globalization;
using OnnxMoe.Artifacts.Reports;
using OnnxMoe.Trainer.Darts;

namespace OnnxMoe.Supernets;

/// <summary>The page that shows how the operations of a supernet were decided.</summary>
internal static class SelectionPage
{
    /// <param name="path">The page to write.</param>
    /// <param name="report">What was decided.</param>
    /// <param name="own">The architecture as a model; null where it makes none.</param>
    /// <param name="test">Of that model.</param>
    public static void Write(string path, SelectionReport report, Subnet? own, Quality? test)
    {
        var genotype = string.Join(", ", report.Genotype);
        var page = new HtmlReport($"Operations of {report.Supernet}", $"{report.Method} decided {report.Decisions.Count} edges: {genotype}.");
        if (own is null || test is null)
            page.Warning("This genotype does not connect the cell's input with its output: it makes no model, and none was exported.");
        else
            page.KeyFigures(
                new("Test accuracy", Percent(test.Accuracy!.Value), "of the exported model, on data that neither training nor search saw"),
                new("Validation accuracy", Percent(own.Quality.Accuracy!.Value), $"loss {F4(own.Quality.Loss)} nats"),
                new("Parameters", $"{own.Parameters:N0}", $"{own.Flops.ToString("N0", CultureInfo.InvariantCulture)} FLOPs an input"),
                new("Latency", $"{F4(own.Latency.Median)} ms", "one input in ONNX Runtime, the median"));
        page.Section("What making it discrete costs", "Accuracy on the half of the training data that the architecture weights are trained on, with statistics estimated for each network; the weights are the supernet's.")
            .Table(new ReportTable(["network", "accuracy", "lost"],
            [
                ["all operations, weighted", Percent(report.MixtureAccuracy), "-"],
                ["the largest architecture weight of each edge, at once", Percent(report.LargestAccuracy), Percent(report.MixtureAccuracy - report.LargestAccuracy)],
                ["what was decided, after the tuning", Percent(report.SelectedAccuracy), Percent(report.MixtureAccuracy - report.SelectedAccuracy)],
            ]))
            .Section("Architecture weights", "After the softmax, before the first decision.")
            .Charts(new HeatMap("Architecture weights", "operation", report.Operations, "edge", [.. report.Shares.Select((_, edge) => EdgeName(edge))], "share", report.Shares) { Lowest = 0, Wide = true })
            .Section("Decisions in order", report.Method == SelectionOptions.Perturbation ? $"For each candidate the {report.Criterion} of the supernet without it; the one that is missed most is kept." : "For each candidate its architecture weight; the largest is kept.")
            .Table(new ReportTable(["edge", .. report.Operations, "kept", "epochs of tuning before"],
                [.. report.Decisions.Select(decision => (IReadOnlyList<string>)[EdgeName(decision.Edge), .. decision.Scores.Select(F4), report.Operations[decision.Op], $"{decision.TunedEpochs}"])]));
        if (report.Inputs.Count > 0)
            page.Section("Inputs of nodes", $"For each edge the {report.Criterion} of the supernet without it; the others became none.")
                .Table(new ReportTable(["node", "edges", "without each", "kept"],
                    [.. report.Inputs.Select(input => (IReadOnlyList<string>)[$"{input.Node}", Names(input.Edges), string.Join("; ", input.Scores.Select(F4)), Names(input.Kept)])]));
        page.Save(path);
    }

    /// <summary>Of an edge, by its nodes.</summary>
    private static string EdgeName(int edge)
    {
        var end = 1;
        for (; edge >= end; end++)
            edge -= end;
        return string.Create(CultureInfo.InvariantCulture, $"node {edge} to {end}");
    }

    private static string Names(IEnumerable<int> edges) => string.Join("; ", edges.Select(EdgeName));

    private static string F4(double value) => value.ToString("F4", CultureInfo.InvariantCulture);

    private static string Percent(double share) => share.ToString("P2", CultureInfo.InvariantCulture);
}
