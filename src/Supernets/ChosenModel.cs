using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using OnnxMoe.Artifacts;
using OnnxMoe.Exporter;
using OnnxMoe.Exporter.Verification;
using OnnxMoe.Search.Spaces;
using OnnxMoe.Trainer.Data;
using OnnxMoe.Trainer.Supernets;
using OnnxMoe.Trainer.Training;

namespace OnnxMoe.Supernets;

/// <summary>Makes the chosen subnetwork a model of its own beside the supernet, with its weights or trained anew, and exports it.</summary>
/// <param name="modelFolder">Of the supernet.</param>
/// <param name="subject">The supernet.</param>
/// <param name="options">Of the search.</param>
/// <param name="meter">For the model's latency.</param>
internal sealed class ChosenModel(string modelFolder, SearchSubject subject, SearchOptions options, LatencyMeter meter)
{
    private readonly string _folder = FolderOf(modelFolder);

    /// <summary>The folder of a supernet's chosen subnetwork.</summary>
    public static string FolderOf(string modelFolder) => Path.TrimEndingDirectorySeparator(modelFolder) + "-subnet";

    /// <param name="chosen">Which one.</param>
    /// <param name="how">It was chosen.</param>
    /// <param name="export">How it is exported.</param>
    /// <param name="log">Takes what was made.</param>
    /// <param name="terminal">True when the log is a terminal.</param>
    /// <param name="cancel">Stops after the current step; the same command goes on from there.</param>
    /// <returns>The exported model; the chosen one itself where it keeps the supernet's weights.</returns>
    public Subnet Make(Subnet chosen, string how, ExportOptions export, TextWriter log, bool terminal, CancellationToken cancel)
    {
        var changed = subject.IsChanged(chosen.Architecture);
        if (changed && options.Retrain > 0)
            throw new UserError($"Search:Retrain is {options.Retrain}, but the chosen architecture is quantized after training; set it to 0.");
        var own = options.Retrain > 0 ? Retrain(chosen.Architecture, log, terminal, cancel) : chosen;
        var test = subject.Test(own.Model);
        if (options.Retrain == 0)
        {
            var measured = Measured(chosen.Quality, test);
            subject.Describe(measured);
            SubnetFolder.Write(_folder, modelFolder, subject.Trained, chosen.Architecture, chosen.Model, measured);
        }
        var origin = options.Retrain > 0 ? $"trained anew in {options.Retrain} steps" : string.Create(CultureInfo.InvariantCulture, $"as a model of its own{(changed ? ", before it is quantized," : "")} within {Difference(chosen, log):G2} of the supernet");
        log.WriteLine(string.Create(CultureInfo.InvariantCulture, $"Chosen ({how}): {chosen.Architecture}; test {(test.Accuracy is { } accuracy ? $"accuracy {accuracy:P2}" : $"loss {test.Loss:F4}")}; {origin}."));
        ExportRun.Execute(_folder, export, log, cancel);
        return own;
    }

    /// <summary>Trains the architecture as the supernet's recipe says, but for the number of steps. A training that was stopped goes on.</summary>
    private Subnet Retrain(Architecture architecture, TextWriter log, bool terminal, CancellationToken cancel)
    {
        var recipe = subject.Trained.Manifest.Recipe!;
        var trainer = recipe["Trainer"].Deserialize<TrainerOptions>()!;
        trainer.Steps = options.Retrain;
        var settings = new TrainSettings(Path.GetFileName(_folder), (long)recipe["Seed"]!, recipe["Data"].Deserialize<DataOptions>()!, subject.Supernet.OptionsOf(architecture), trainer);
        // A checkpoint of another architecture is none of this one's.
        trainer.Resume = CheckpointStore.SettingsOf(_folder) == settings.Fingerprint();
        TrainRun.Execute(_folder, settings, log, terminal, cancel);
        cancel.ThrowIfCancellationRequested();
        var trained = TrainedModel.Load(_folder);
        var training = (JsonObject)trained.Manifest.Training!.DeepClone();
        training["supernet"] = subject.Trained.Manifest.Name;
        training["architecture"] = architecture.Key;
        (trained.Manifest with { Training = training }).Save(_folder);
        return new Subnet(subject, architecture, meter, trained.Any);
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
