using System.Globalization;
using System.Text.Json.Nodes;
using OnnxMoe.Exporter;
using OnnxMoe.Exporter.Verification;
using OnnxMoe.Trainer.Supernets;

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
    /// <param name="cancel">Stops between the steps.</param>
    public void Write(ExportOptions export, long seed, TextWriter log, CancellationToken cancel)
    {
        var space = subject.Supernet.Space;
        var chosen = new Subnet(subject, Choice.Of(options, space, objectives, result.Front), _meter);
        var folder = Path.TrimEndingDirectorySeparator(modelFolder) + "-subnet";
        var test = subject.Test(chosen.Model);
        var measured = Measured(chosen.Quality, test);
        subject.Describe(measured);
        SubnetFolder.Write(folder, modelFolder, subject.Trained, chosen.Architecture, chosen.Model, measured);
        log.WriteLine(string.Create(CultureInfo.InvariantCulture, $"Chosen ({options.Choose}): {chosen.Architecture}; test {(test.Accuracy is { } accuracy ? $"accuracy {accuracy:P2}" : $"loss {test.Loss:F4}")}; as a model of its own{(subject.IsChanged(chosen.Architecture) ? ", before it is quantized," : "")} within {Difference(chosen, log):G2} of the supernet."));
        ExportRun.Execute(folder, export, log, cancel);
        (string Name, Subnet Subnet)[] compared = [.. new[] { ("largest", new Subnet(subject, space.Largest, _meter)), ("chosen", chosen), ("smallest", new Subnet(subject, space.Smallest, _meter)) }
            .Where(one => subject.Supernet.IsValid(one.Item2.Architecture))];
        var latencies = _meter.MeasureTogether([.. compared.Select(one => one.Subnet.Model)]);
        SearchFile.Write(Path.Combine(modelFolder, "search", "front.json"), _name, options, seed, objectives, result, chosen.Architecture);
        var page = Path.Combine(modelFolder, "search.html");
        SearchPage.Write(page, _name, space, options, objectives, result, chosen, test, [.. compared.Zip(latencies, (one, time) => (one.Name, one.Subnet, time))]);
        log.WriteLine($"Front: {Path.Combine(modelFolder, "search", "front.json")}; report: {page}; the subnetwork: {folder} ('onnxmoe serve {Path.GetFileName(folder)}')");
    }

    /// <summary>For the manifest of the subnetwork.</summary>
    private static JsonObject Measured(Quality validation, Quality test)
    {
        var measured = new JsonObject { ["validationLoss"] = validation.Loss, ["testLoss"] = test.Loss };
        if (validation.Accuracy is { } onValidation)
            measured["validationAccuracy"] = onValidation;
        if (test.Accuracy is { } onTest)
            measured["testAccuracy"] = onTest;
        return measured;
    }

    /// <summary>The largest difference of a logit between the extracted model and the supernet run at its architecture, on held-out inputs.</summary>
    private double Difference(Subnet chosen, TextWriter log)
    {
        subject.Activate(chosen.Architecture);
        var difference = new OutputDifference("extracted");
        difference.Add(subject.HeldOutLogits(subject.Supernet.Model, log), subject.HeldOutLogits(subject.Supernet.Extract(chosen.Architecture), log));
        return difference.ToCheck().MaxAbsolute;
    }
}
