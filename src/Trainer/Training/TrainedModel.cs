using System.Text.Json;
using OnnxMoe.Artifacts;
using OnnxMoe.Search.Spaces;
using OnnxMoe.Trainer.Backbones;
using OnnxMoe.Trainer.Layers;
using OnnxMoe.Trainer.Quantization;
using OnnxMoe.Trainer.Supernets;

namespace OnnxMoe.Trainer.Training;

/// <summary>A trained model, read from its folder.</summary>
/// <param name="Any">The model, of whatever kind.</param>
/// <param name="Manifest">Of its folder.</param>
public sealed record TrainedModel(Model Any, ModelManifest Manifest)
{
    /// <summary>The search space of a supernet, beside its weights.</summary>
    public const string SpaceFile = "space.json";

    /// <summary>The model as a supernet; null: it is none.</summary>
    public ISupernet? Supernet { get; private init; }

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
        var space = SpaceOf(modelFolder, manifest);
        var settings = manifest.Recipe!["Supernet"]?.Deserialize<SupernetOptions>() ?? new();
        ISupernet? supernet = manifest.Classifier is not null || space is null ? null
            : BitSupernet.Holds(space) ? new BitSupernet(options, space, Vocabulary(manifest), seed: 0)
            : new TransformerSupernet(options, settings, space, Vocabulary(manifest), seed: 0);
        Model model = manifest.Classifier is { } sizes ? ClassifierRun.Build(options, settings, space, sizes, seed: 0, device: null)
            : supernet?.Model ?? TransformerModel.Build(options, Vocabulary(manifest), new LayerScope(0));
        WeightFile.Load(Path.Combine(modelFolder, weights), model.Weights);
        return new TrainedModel(model, manifest) { Supernet = supernet ?? (manifest.Files.ContainsKey(SpaceFile) ? model as ISupernet : null) };
    }

    private static int Vocabulary(ModelManifest manifest) => manifest.LanguageModel?.VocabularySize ?? manifest.TokenModel!.VocabularySize;

    /// <summary>The search space of a supernet; null: it is none.</summary>
    private static SearchSpace? SpaceOf(string folder, ModelManifest manifest)
    {
        if (!manifest.Files.ContainsKey(SpaceFile))
            return null;
        manifest.Verify(folder, SpaceFile);
        return SearchSpaceFile.Read(Path.Combine(folder, SpaceFile));
    }
}
