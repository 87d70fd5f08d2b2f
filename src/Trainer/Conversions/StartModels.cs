using System.Text.Json.Nodes;
using OnnxMoe.Artifacts;
using OnnxMoe.Artifacts.Tokenizers;
using OnnxMoe.Trainer.Training;

namespace OnnxMoe.Trainer.Conversions;

/// <summary>The trained models that a recipe starts from.</summary>
public static class StartModels
{
    /// <summary>The folder of a model that Start:From names: beside the new model's folder, unless the name is a path.</summary>
    public static string Folder(string modelFolder, string name) =>
        name.Contains('/') ? name : Path.Combine(Path.GetDirectoryName(Path.GetFullPath(modelFolder))!, name);

    /// <summary>Loads them, after checking that they read the same tokens.</summary>
    /// <param name="modelFolder">The new model's folder.</param>
    /// <param name="start">Names them.</param>
    /// <param name="tokenizer">The new model's.</param>
    /// <exception cref="UserError">One is missing, damaged, or has another tokenizer.</exception>
    public static IReadOnlyList<TrainedModel> Load(string modelFolder, StartOptions start, ITokenizer tokenizer) =>
        [.. start.Sources().Select(name => Checked(Folder(modelFolder, name), name, tokenizer))];

    /// <summary>Where the weights came from, for the manifest: name, checksum of the weights, and text of each model.</summary>
    public static JsonArray Provenance(string modelFolder, StartOptions start) =>
        [.. start.Sources().Select(name => (Name: name, Manifest: ModelManifest.Load(Folder(modelFolder, name)))).Select(source => new JsonObject
        {
            ["model"] = source.Name,
            ["weights"] = source.Manifest.Files["weights.safetensors"],
            ["text"] = source.Manifest.Recipe?["Data"]?["Source"]?.DeepClone(),
            ["shares"] = source.Manifest.Recipe?["Data"]?["Shares"]?.DeepClone(),
        })];

    /// <summary>True when a model has that tokenizer.</summary>
    public static bool ReadsTokensOf(string folder, ModelManifest manifest, ITokenizer tokenizer)
    {
        var own = Tokenizer.Load(folder, manifest.LanguageModel?.Tokenizer ?? manifest.TokenModel!.Tokenizer);
        return own.VocabularySize == tokenizer.VocabularySize && Enumerable.Range(0, own.VocabularySize).All(id => own.BytesOf(id).SequenceEqual(tokenizer.BytesOf(id)));
    }

    private static TrainedModel Checked(string folder, string name, ITokenizer tokenizer)
    {
        var model = TrainedModel.Load(folder);
        return ReadsTokensOf(folder, model.Manifest, tokenizer) ? model
            : throw new UserError($"Start:From names {name}, which has another tokenizer than this recipe's Data section gives; use the same text for it, or Data:Tokenizer=bytes in both.");
    }
}
