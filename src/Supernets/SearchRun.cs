using OnnxMoe.Artifacts;
using OnnxMoe.Exporter;
using OnnxMoe.Search.Fronts;
using OnnxMoe.Search.Methods;
using OnnxMoe.Trainer.Darts;
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
        var subject = SearchSubject.Of(modelFolder, TrainedModel.Load(modelFolder), options, log);
        if (options.Method is SelectionOptions.Magnitude or SelectionOptions.Perturbation)
        {
            new SelectionRun(modelFolder, subject, options).Execute(export, log, terminal, cancel);
            return;
        }
        var objectives = Objective.Parse(options.Objectives, subject.Classifies, subject.LossUnit);
        var space = subject.Supernet.Space;
        log.WriteLine($"{subject.Trained.Manifest.Name}: {space.Size:N0} architectures; {options.Method} measures {options.Budget}: {options.Objectives}");
        Directory.CreateDirectory(Path.Combine(modelFolder, "search"));
        var archive = new ParetoArchive();
        var progress = new ProgressLine(log, options.Budget, 0, terminal);
        var meter = new LatencyMeter(subject.OneInput, options);
        var done = 0;
        using var measurements = new MeasurementLog(space, options.Budget, architecture =>
        {
            cancel.ThrowIfCancellationRequested();
            var subnet = new Subnet(subject, architecture, meter);
            return [.. objectives.Select(objective => objective.Of(subnet))];
        }, LogFile(modelFolder, subject, options, objectives))
        {
            IsValid = subject.Supernet.IsValid,
            Observe = measured =>
            {
                archive.Add(measured);
                progress.Update(++done, $"{archive.Members.Count} on the front");
            },
        };
        MethodOf(options).Run(space, objectives.Count, measurements, (int)(seed % int.MaxValue));
        cancel.ThrowIfCancellationRequested();
        new SearchOutcome(modelFolder, subject, options, objectives, SearchResult.Of(measurements.All, objectives)).Write(export, seed, log, terminal, cancel);
    }

    /// <summary>Measurements stay true as long as the weights and what times depend on are the same, whatever method asked for them.</summary>
    private static string LogFile(string modelFolder, SearchSubject subject, SearchOptions options, IReadOnlyList<Objective> objectives)
    {
        var timing = objectives.Any(objective => objective.Name == "latency") ? $"-threads{options.Threads}" : "";
        var name = $"{string.Join('-', objectives.Select(objective => objective.Name))}-{subject.Trained.Manifest.Files["weights.safetensors"][..12]}{subject.Conditions}{timing}.jsonl";
        return Path.Combine(modelFolder, "search", name);
    }

    private static SearchMethod MethodOf(SearchOptions options) => options.Method switch
    {
        "random" => new RandomSearch(),
        "sensitivity" => new SensitivitySearch(),
        "all" => new ExhaustiveSearch(),
        "evolution" => new EvolutionarySearch(options.Evolution),
        _ => new Linas(options.Evolution, options.Predictions),
    };
}
