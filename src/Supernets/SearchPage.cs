using System.Globalization;
using OnnxMoe.Artifacts;
using OnnxMoe.Artifacts.Reports;
using OnnxMoe.Search.Fronts;
using OnnxMoe.Search.Spaces;

namespace OnnxMoe.Supernets;

/// <summary>The page that shows what a search found.</summary>
internal static class SearchPage
{
    private const int MostRows = 40;
    private const string TestNote = "of the chosen one, on data that neither training nor search saw";

    public static void Write(string path, string name, SearchSpace space, SearchOptions options, IReadOnlyList<Objective> objectives, SearchResult result, Subnet chosen, Quality test, string lossUnit,
        IReadOnlyList<(string Name, Subnet Subnet, Timing Latency)> compared)
    {
        // What the search saw of the chosen one; it may also be one that the search did not measure.
        var values = result.All.FirstOrDefault(measured => measured.Architecture.Equals(chosen.Architecture))?.Objectives ?? [.. objectives.Select(objective => objective.Of(chosen))];
        string Show(Objective objective, double value) => value.ToString(objective.Format, CultureInfo.InvariantCulture);
        string[] accuracyTitle = test.Accuracy is null ? [] : ["accuracy"];
        var report = new HtmlReport($"Search in {name}",
                $"{options.Method} measured {result.All.Count:N0} of {space.Size:N0} architectures; {result.Front.Count} of them are on the front. Chosen ({options.Choose}): {chosen.Architecture}.")
            .KeyFigures(
                [test.Accuracy is { } accuracy ? new("Test accuracy", Percent(accuracy), TestNote) : new("Test loss", F4(test.Loss), TestNote),
                .. objectives.Zip(values, (objective, value) => new KeyFigure($"{char.ToUpperInvariant(objective.Name[0])}{objective.Name[1..]}", Show(objective, value), objective.Unit))])
            .Section("The front", objectives.Count > 1 ? "Each point is an architecture that was measured; nothing measured is better than one on the front in every objective." : "");
        for (var other = 1; other < objectives.Count; other++)
            report.Charts(Scatter(objectives[0], objectives[other], other, result, new(chosen.Architecture, values)));
        report
            .Section("The course of the search", $"Hypervolume of the front below the worst of each objective ({string.Join(", ", objectives.Zip(result.Reference, (objective, worst) => $"{objective.Name} {Show(objective, worst)}"))}), as a share of the last.")
            .Charts(new LineChart("Hypervolume by measurement", "measurements", "share of the last", [new("hypervolume", result.Hypervolume) { At = [.. Enumerable.Range(1, result.Hypervolume.Count).Select(i => (double)i)] }]) { Wide = true })
            .Section("The chosen subnetwork beside the ends", $"Loss{(accuracyTitle.Length > 0 ? " and accuracy" : "")} on validation data; times of one input in ONNX Runtime, {options.Threads} thread(s), the median of at least {options.Repetitions} runs and {options.Milliseconds.ToString(CultureInfo.InvariantCulture)} ms, taken in turns after at least {options.WarmUp} unmeasured ones; {Machine.Describe()}.")
            .Table(new ReportTable(["", "architecture", $"loss ({lossUnit})", .. accuracyTitle, "parameters", "FLOPs", "bytes", "latency (ms)", "quartiles (ms)"],
                [.. compared.Select(one => (IReadOnlyList<string>)[one.Name, one.Subnet.Architecture.ToString(), F4(one.Subnet.Quality.Loss), .. one.Subnet.Quality.Accuracy is { } accuracy ? [Percent(accuracy)] : Array.Empty<string>(),
                    $"{one.Subnet.Parameters:N0}", one.Subnet.Flops.ToString("N0", CultureInfo.InvariantCulture), $"{one.Subnet.Bytes:N0}", F4(one.Latency.Median), $"{F4(one.Latency.Lower)} to {F4(one.Latency.Upper)}"])], 1))
            .Section("Members of the front", result.Front.Count > MostRows ? $"The first {MostRows}; front.json has all {result.Front.Count}." : "")
            .Table(new ReportTable(["genes", "architecture", .. objectives.Select(objective => objective.Title)],
                [.. result.Front.Take(MostRows).Select(member => (IReadOnlyList<string>)[member.Architecture.Key, member.Architecture.ToString(), .. objectives.Zip(member.Objectives, Show)])],
                result.Front.Take(MostRows).ToList().FindIndex(member => member.Architecture.Equals(chosen.Architecture))))
            .Save(path);
    }

    private static ScatterChart Scatter(Objective first, Objective second, int x, SearchResult result, Measured chosen)
    {
        (double, double, string) Point(Measured member) => (member.Objectives[x], member.Objectives[0], member.Architecture.ToString());
        return new ScatterChart($"{first.Name} against {second.Name}", second.Title, first.Title,
        [
            new("measured", [.. result.All.Select(Point)]),
            new("front", [.. result.Front.OrderBy(member => member.Objectives[x]).Select(Point)]) { Joined = result.Reference.Length == 2, Size = 7 },
            new("chosen", [Point(chosen)]) { Size = 15 },
        ])
        { Wide = true };
    }

    private static string F4(double value) => value.ToString("F4", CultureInfo.InvariantCulture);

    private static string Percent(double share) => share.ToString("P2", CultureInfo.InvariantCulture);
}
