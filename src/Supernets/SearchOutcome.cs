using OnnxMoe.Exporter;

namespace OnnxMoe.Supernets;

/// <summary>What a search leaves: the chosen subnetwork as a model of its own, exported and timed; the front as a file and as a page.</summary>
/// <param name="modelFolder">Of the supernet.</param>
/// <param name="subject">The supernet.</param>
/// <param name="options">Of the search.</param>
/// <param name="objectives">Of the search.</param>
/// <param name="result">What was measured.</param>
internal sealed class SearchOutcome(string modelFolder, SearchSubject subject, SearchOptions options, IReadOnlyList<Objective> objectives, SearchResult result)
{
    private readonly string _name = subject.Trained.Manifest.Name;
    private readonly LatencyMeter _meter = new(subject.OneInput, options);

    /// <param name="export">How the chosen one is exported.</param>
    /// <param name="seed">Of the search.</param>
    /// <param name="log">Takes what was found.</param>
    /// <param name="terminal">True when the log is a terminal.</param>
    /// <param name="cancel">Stops between the steps.</param>
    public void Write(ExportOptions export, long seed, TextWriter log, bool terminal, CancellationToken cancel)
    {
        var space = subject.Supernet.Space;
        var chosen = new Subnet(subject, Choice.Of(options, space, objectives, result.Front), _meter);
        var own = new ChosenModel(modelFolder, subject, options, _meter).Make(chosen, options.Choose, export, log, terminal, cancel);
        var test = subject.Test(own.Model);
        (string Name, Subnet Subnet)[] compared = [.. new[] { ("largest", new Subnet(subject, space.Largest, _meter)), ("chosen", chosen), ("retrained", own), ("smallest", new Subnet(subject, space.Smallest, _meter)) }
            .Where(one => subject.Supernet.IsValid(one.Item2.Architecture)).DistinctBy(one => one.Item2)];
        var latencies = _meter.MeasureTogether([.. compared.Select(one => one.Subnet.Model)]);
        SearchFile.Write(Path.Combine(modelFolder, "search", "front.json"), _name, options, seed, objectives, result, chosen.Architecture);
        var page = Path.Combine(modelFolder, "search.html");
        SearchPage.Write(page, _name, space, options, objectives, result, chosen, test, subject.LossUnit, [.. compared.Zip(latencies, (one, time) => (one.Name, one.Subnet, time))]);
        log.WriteLine($"Front: {Path.Combine(modelFolder, "search", "front.json")}; report: {page}; the subnetwork: {ChosenModel.FolderOf(modelFolder)} ('onnxmoe serve {Path.GetFileName(ChosenModel.FolderOf(modelFolder))}')");
    }
}
