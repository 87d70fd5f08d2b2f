using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using OnnxMoe.Artifacts;
using OnnxMoe.Exporter;
using OnnxMoe.Exporter.Verification;
using OnnxMoe.Search.Fronts;
using OnnxMoe.Search.Methods;
using OnnxMoe.Search.Spaces;
using OnnxMoe.Trainer.Backbones;
using OnnxMoe.Trainer.Data;
using OnnxMoe.Trainer.Supernets;
using OnnxMoe.Trainer.Training;

namespace OnnxMoe.Supernets;

/// <summary>
/// The stage search: measures subnetworks of a trained supernet within a budget, writes the Pareto front and a page, and makes the chosen one a model of its own,
/// exported and compared. A search that was stopped goes on.
/// </summary>
public static class SearchRun
{
    /// <param name="modelFolder">Of the trained supernet; the subnetwork goes into a folder beside it, of the same name and "-subnet".</param>
    /// <param name="options">The section Search.</param>
    /// <param name="export">The section Export, for the subnetwork.</param>
    /// <param name="seed">Of the search.</param>
    /// <param name="log">Takes progress.</param>
    /// <param name="terminal">True when the log is a terminal.</param>
    /// <param name="cancel">Stops after the current measurement.</param>
    /// <exception cref="UserError">The model is no supernet, or settings do not fit.</exception>
    public static void Execute(string modelFolder, SearchOptions options, ExportOptions export, long seed, TextWriter log, bool terminal, CancellationToken cancel)
    {
        var objectives = Objective.Parse(options.Objectives);
        var trained = TrainedModel.Load(modelFolder);
        if (trained.Any is not ISupernet supernet || !trained.Manifest.Files.ContainsKey(TrainedModel.SpaceFile))
            throw new UserError($"'{trained.Manifest.Name}' is no supernet; a recipe with Supernet:Space trains one.");
        var classifier = (Classifier)trained.Any;
        var data = LabeledDataset.Open(trained.Manifest.Recipe!["Data"].Deserialize<DataOptions>()!);
        var evaluator = new ClassifierEvaluator(classifier, data.Validation.Count, null);
        var meter = new LatencyMeter(classifier.Sizes, options);
        Subnet SubnetOf(Architecture architecture) => new(supernet, architecture, evaluator, data.Validation, meter);

        log.WriteLine($"{trained.Manifest.Name}: {supernet.Space.Size:N0} architectures; {options.Method} measures {options.Budget}: {options.Objectives}");
        Directory.CreateDirectory(Path.Combine(modelFolder, "search"));
        // Measurements stay true as long as the weights and what times depend on are the same, whatever method asked for them.
        var timing = objectives.Any(objective => objective.Name == "latency") ? $"-threads{options.Threads}" : "";
        var path = Path.Combine(modelFolder, "search", $"{string.Join('-', objectives.Select(objective => objective.Name))}-{trained.Manifest.Files["weights.safetensors"][..12]}{timing}.jsonl");
        var archive = new ParetoArchive();
        var progress = new ProgressLine(log, options.Budget, 0, terminal);
        var done = 0;
        using var measurements = new MeasurementLog(supernet.Space, options.Budget, architecture =>
        {
            cancel.ThrowIfCancellationRequested();
            var subnet = SubnetOf(architecture);
            return [.. objectives.Select(objective => objective.Of(subnet))];
        }, path)
        {
            Observe = measured =>
            {
                archive.Add(measured);
                progress.Update(++done, $"{archive.Members.Count} on the front");
            },
        };
        MethodOf(options).Run(supernet.Space, objectives.Count, measurements, (int)(seed % int.MaxValue));
        cancel.ThrowIfCancellationRequested();
        var result = SearchResult.Of(measurements.All, objectives);
        var chosen = SubnetOf(Choice.Of(options, supernet.Space, objectives, result.Front));
        Finish(modelFolder, trained, supernet, options, export, objectives, result, chosen, evaluator, data, meter, seed, log, cancel);
    }

    private static void Finish(string modelFolder, TrainedModel trained, ISupernet supernet, SearchOptions options, ExportOptions export, IReadOnlyList<Objective> objectives, SearchResult result,
        Subnet chosen, ClassifierEvaluator evaluator, LabeledDataset data, LatencyMeter meter, long seed, TextWriter log, CancellationToken cancel)
    {
        var folder = Path.TrimEndingDirectorySeparator(modelFolder) + "-subnet";
        var test = new ClassifierEvaluator((Classifier)chosen.Model, data.Test.Count, null).Run(data.Test);
        SubnetFolder.Write(folder, trained, chosen.Architecture, chosen.Model, new JsonObject
        {
            ["validationLoss"] = chosen.Quality.Loss,
            ["validationAccuracy"] = chosen.Quality.Accuracy,
            ["testLoss"] = test.Loss,
            ["testAccuracy"] = test.Accuracy,
        });
        log.WriteLine(string.Create(CultureInfo.InvariantCulture, $"Chosen ({options.Choose}): {chosen.Architecture}; test accuracy {test.Accuracy:P2}; as a model of its own within {Difference(supernet, chosen, trained, log):G2} of the supernet."));
        ExportRun.Execute(folder, export, log, cancel);
        Ends[] compared = [.. new[] { ("largest", supernet.Space.Largest), ("chosen", chosen.Architecture), ("smallest", supernet.Space.Smallest) }
            .Select(pair => new Ends(pair.Item1, new Subnet(supernet, pair.Item2, evaluator, data.Validation, meter)))];
        var latencies = meter.MeasureTogether([.. compared.Select(one => one.Subnet.Model)]);
        SearchFile.Write(Path.Combine(modelFolder, "search", "front.json"), trained.Manifest.Name, options, seed, objectives, result, chosen.Architecture);
        var page = Path.Combine(modelFolder, "search.html");
        SearchPage.Write(page, trained.Manifest.Name, supernet.Space, options, objectives, result, chosen, test, [.. compared.Zip(latencies, (one, time) => (one.Name, one.Subnet, time))]);
        log.WriteLine($"Front: {Path.Combine(modelFolder, "search", "front.json")}; report: {page}; the subnetwork: {folder} ('onnxmoe serve {Path.GetFileName(folder)}')");
    }

    /// <summary>The largest difference of a logit between the extracted model and the supernet run at its architecture, on held-out inputs.</summary>
    private static double Difference(ISupernet supernet, Subnet chosen, TrainedModel trained, TextWriter log)
    {
        var inputs = HeldOutSequences.Load(trained.Manifest, log);
        supernet.Active = chosen.Architecture;
        var difference = new OutputDifference("extracted");
        difference.Add(TorchRunner.Run(supernet.Model, inputs)["logits"], TorchRunner.Run(chosen.Model, inputs)["logits"]);
        return difference.ToCheck().MaxAbsolute;
    }

    private sealed record Ends(string Name, Subnet Subnet);

    private static SearchMethod MethodOf(SearchOptions options) => options.Method switch
    {
        "random" => new RandomSearch(),
        "evolution" => new EvolutionarySearch(options.Evolution),
        _ => new Linas(options.Evolution, options.Predictions),
    };
}
