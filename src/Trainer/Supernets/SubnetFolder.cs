using System.Text.Json;
using System.Text.Json.Nodes;
using OnnxMoe.Artifacts;
using OnnxMoe.Search.Spaces;
using OnnxMoe.Trainer.Backbones;
using OnnxMoe.Trainer.Data;
using OnnxMoe.Trainer.Training;

namespace OnnxMoe.Trainer.Supernets;

/// <summary>Makes a model folder of a subnetwork: an ordinary model that is exported and served like any other.</summary>
public static class SubnetFolder
{
    /// <param name="folder">Made, or its model replaced.</param>
    /// <param name="supernet">Where it is from.</param>
    /// <param name="architecture">Which one.</param>
    /// <param name="model">The extracted model.</param>
    /// <param name="measured">What was measured of it, for the manifest.</param>
    public static void Write(string folder, TrainedModel supernet, Architecture architecture, Model model, JsonObject measured)
    {
        var recipe = supernet.Manifest.Recipe!;
        var settings = new TrainSettings(Path.GetFileName(Path.TrimEndingDirectorySeparator(folder)), (long)recipe["Seed"]!, recipe["Data"].Deserialize<DataOptions>()!,
            ((ISupernet)supernet.Any).OptionsOf(architecture), recipe["Trainer"].Deserialize<TrainerOptions>()!);
        measured["supernet"] = supernet.Manifest.Name;
        measured["architecture"] = architecture.Key;
        Directory.CreateDirectory(folder);
        using var files = new FileSet(folder);
        WeightFile.Save(files.PathOf("weights.safetensors"), model.Weights);
        ModelDescription.Of(settings, (Classifier)model, measured).WithFiles(files.Staging, ["weights.safetensors"]).Save(files.Staging);
        files.Publish();
    }
}
