using System.Text.Json;
using OnnxMoe.Artifacts;
using OnnxMoe.Artifacts.Manifests;
using OnnxMoe.Search.Spaces;
using OnnxMoe.Trainer.Backbones;
using OnnxMoe.Trainer.Supernets;

namespace OnnxMoe.Trainer.Training;

/// <summary>A trained model, read from its folder.</summary>
/// <param name="Any">The model, of whatever kind.</param>
/// <param name="Manifest">Of its folder.</param>
public sealed record TrainedModel(Model Any, ModelManifest Manifest)
{
    /// <summary>The search space of a supernet, beside its weights.</summary>
    public const string SpaceFile = "space.json";

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
        Model model = manifest.Classifier is { } sizes ? ClassifierOf(modelFolder, manifest, options, sizes) : new DecoderLm(options, manifest.LanguageModel!.VocabularySize, seed: 0);
        WeightFile.Load(Path.Combine(modelFolder, weights), model.Weights);
        return new TrainedModel(model, manifest);
    }

    private static Classifier ClassifierOf(string folder, ModelManifest manifest, ModelOptions options, ClassifierSizes sizes)
    {
        var supernet = manifest.Recipe!["Supernet"]?.Deserialize<SupernetOptions>() ?? new();
        if (!manifest.Files.ContainsKey(SpaceFile))
            return ClassifierRun.Build(options, supernet, null, sizes, seed: 0, device: null);
        manifest.Verify(folder, SpaceFile);
        return ClassifierRun.Build(options, supernet, SearchSpaceFile.Read(Path.Combine(folder, SpaceFile)), sizes, seed: 0, device: null);
    }
}
