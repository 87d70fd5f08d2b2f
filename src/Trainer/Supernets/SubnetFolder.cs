using System.Text.Json;
using System.Text.Json.Nodes;
using OnnxMoe.Artifacts;
using OnnxMoe.Artifacts.Tokenizers;
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
    /// <param name="supernetFolder">The supernet's, where its tokenizer is.</param>
    public static void Write(string folder, string supernetFolder, TrainedModel supernet, Architecture architecture, Model model, JsonObject measured)
    {
        var recipe = supernet.Manifest.Recipe!;
        var settings = new TrainSettings(Path.GetFileName(Path.TrimEndingDirectorySeparator(folder)), (long)recipe["Seed"]!, recipe["Data"].Deserialize<DataOptions>()!,
            supernet.Supernet!.OptionsOf(architecture), recipe["Trainer"].Deserialize<TrainerOptions>()!);
        measured["supernet"] = supernet.Manifest.Name;
        measured["architecture"] = architecture.Key;
        Directory.CreateDirectory(folder);
        using var files = new FileSet(folder);
        WeightFile.Save(files.PathOf("weights.safetensors"), model.Weights);
        Describe().WithFiles(files.Staging, Directory.GetFiles(files.Staging).Select(file => Path.GetFileName(file))).Save(files.Staging);
        files.Publish();

        ModelManifest Describe()
        {
            if (model is Classifier classifier)
                return ModelDescription.Of(settings, classifier, measured);
            var file = supernet.Manifest.LanguageModel?.Tokenizer ?? supernet.Manifest.TokenModel!.Tokenizer;
            if (file != ByteTokenizer.Name)
                File.Copy(Path.Combine(supernetFolder, file), files.PathOf(file));
            return ModelDescription.Of(settings, (TransformerModel)model, Tokenizer.Load(supernetFolder, file), measured);
        }
    }
}
