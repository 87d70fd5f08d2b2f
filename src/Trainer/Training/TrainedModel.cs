using System.Text.Json;
using OnnxMoe.Artifacts;
using OnnxMoe.Trainer.Backbones;

namespace OnnxMoe.Trainer.Training;

/// <summary>A trained model, read from its folder.</summary>
/// <param name="Any">The model, of whatever kind.</param>
/// <param name="Manifest">Of its folder.</param>
public sealed record TrainedModel(Model Any, ModelManifest Manifest)
{
    /// <summary>The model as a language model.</summary>
    /// <exception cref="UserError">It is none.</exception>
    public DecoderLm Model => Any as DecoderLm ?? throw new UserError($"'{Manifest.Name}' is a {Manifest.Kind}, not a language model.");

    /// <summary>Builds the model of the manifest's recipe and loads <c>weights.safetensors</c>, after checking its checksum.</summary>
    /// <exception cref="UserError">The folder holds no trained model, or a damaged one.</exception>
    public static TrainedModel Load(string modelFolder)
    {
        const string weights = "weights.safetensors";
        var manifest = ModelManifest.Load(modelFolder);
        manifest.Verify(modelFolder, weights);
        var options = manifest.Recipe?["Model"]?.Deserialize<ModelOptions>()
            ?? throw new UserError($"{Path.Combine(modelFolder, ModelManifest.FileName)} has no recipe with a section Model, so the model cannot be built again.");
        Model model = manifest.Classifier is { } sizes ? new EncoderClassifier(options, sizes, seed: 0) : new DecoderLm(options, manifest.LanguageModel!.VocabularySize, seed: 0);
        WeightFile.Load(Path.Combine(modelFolder, weights), model.Weights);
        return new TrainedModel(model, manifest);
    }
}
