using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using OnnxMoe.Artifacts;
using OnnxMoe.Exporter;
using OnnxMoe.Search.Spaces;
using OnnxMoe.Trainer.Cells;
using OnnxMoe.Trainer.Darts;
using OnnxMoe.Trainer.Data;
using OnnxMoe.Trainer.Supernets;
using OnnxMoe.Trainer.Training;

namespace OnnxMoe.Supernets;

/// <summary>
/// Decides the operations of a supernet of cells by what its training learned, writes the decisions and a page, and makes the architecture a model of its own. One
/// that does not connect the cell's input with its output is reported, not exported.
/// </summary>
/// <param name="modelFolder">Of the supernet.</param>
/// <param name="subject">The supernet.</param>
/// <param name="options">Of the search.</param>
internal sealed class SelectionRun(string modelFolder, SearchSubject subject, SearchOptions options)
{
    private readonly string _name = subject.Trained.Manifest.Name;

    /// <param name="export">How the chosen one is exported.</param>
    /// <param name="log">Takes progress.</param>
    /// <param name="terminal">True when the log is a terminal.</param>
    /// <param name="cancel">Stops between two steps.</param>
    /// <exception cref="UserError">The supernet was trained otherwise, settings do not fit, or the genotype is not connected.</exception>
    public void Execute(ExportOptions export, TextWriter log, bool terminal, CancellationToken cancel)
    {
        var recipe = subject.Trained.Manifest.Recipe!;
        var supernet = recipe["Supernet"]?.Deserialize<SupernetOptions>();
        if (subject is not ClassifierSubject classifier || supernet?.IsSoft() != true || subject.Supernet is not CellClassifier model)
            throw new UserError($"Search:Method={options.Method} reads architecture weights, which '{_name}' has not been trained with; train one with Model:Backbone=cells and Supernet:Gates=soft.");
        var key = Key();
        // Where the supernet's weights are kept, the tuned ones are needed, not the decisions alone.
        var report = options.Retrain > 0 ? SelectionReport.Read(modelFolder, key) : null;
        if (report is null)
            (report = Select(classifier, model, supernet.Darts, recipe["Trainer"].Deserialize<TrainerOptions>()!, (long)recipe["Seed"]!, key, log, cancel)).Write(modelFolder);
        else
            log.WriteLine($"{_name}: decided before, in {SelectionReport.PathOf(modelFolder)}.");
        var page = Path.Combine(modelFolder, "search.html");
        if (!report.IsConnected)
        {
            SelectionPage.Write(page, report, null, null);
            throw new UserError($"The genotype {string.Join(',', report.Genotype)} does not connect the cell's input with its output, so there is nothing to export; {SelectionReport.PathOf(modelFolder)} and {page} say how it came about.");
        }
        var meter = new LatencyMeter(subject.OneInput, options);
        var own = new ChosenModel(modelFolder, subject, options, meter).Make(new Subnet(subject, Architecture.Parse(model.Space, report.Genes), meter), options.Method, export, log, terminal, cancel);
        SelectionPage.Write(page, report, own, subject.Test(own.Model));
        log.WriteLine($"Decisions: {SelectionReport.PathOf(modelFolder)}; report: {page}; the subnetwork: {ChosenModel.FolderOf(modelFolder)} ('onnxmoe serve {Path.GetFileName(ChosenModel.FolderOf(modelFolder))}')");
    }

    private SelectionReport Select(ClassifierSubject classifier, CellClassifier model, DartsOptions darts, TrainerOptions trainer, long seed, string key, TextWriter log, CancellationToken cancel)
    {
        log.WriteLine($"{_name}: {options.Method} decides {model.Candidates.Count} edges of {model.Candidates[0].Count} operations");
        var halves = TrainingHalves.Of(classifier.Data.Train, darts.AlphaShare, seed);
        DiscretizationGap Gap(Architecture architecture) => DiscretizationGap.Of(model, architecture, halves.Weights, halves.Choice, trainer.BatchSize, null);
        var largest = Gap(model.Space.Of(MagnitudeSelector.Largest(new SoftGates(model.Alpha))));
        var selection = Selection.Run(model, halves, options.Method, options.Selection, darts, trainer, seed, null, decision => log.WriteLine(
            $"edge {decision.Edge}: {model.Candidates[0][decision.Op]} ({string.Join(", ", decision.Scores.Select((score, op) => $"{model.Candidates[0][op]} {score.ToString("F4", CultureInfo.InvariantCulture)}"))})"), cancel);
        return new(key, _name, model.Space.Name, options.Method, options.Method == SelectionOptions.Perturbation ? options.Selection.Criterion : "", seed, model.Candidates[0], selection.Shares,
            selection.Decisions, selection.Inputs, selection.Architecture.Key, CellClassifier.GenotypeOf(selection.Architecture), model.IsValid(selection.Architecture),
            largest.Mixture.Accuracy, largest.Discrete.Accuracy, Gap(selection.Architecture).Discrete.Accuracy);
    }

    private string Key()
    {
        var settings = $"{subject.Trained.Manifest.Files["weights.safetensors"]} {options.Method} {JsonSerializer.Serialize(options.Selection)}";
        return Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(settings)));
    }
}
