using System.Text.Json.Nodes;
using OnnxMoe.Artifacts.Manifests;

namespace OnnxMoe.Artifacts;

/// <summary>
/// <c>manifest.json</c> of a model folder: what the model is, how it was made, which checks it passed, and the checksums of its
/// files. Change it with <c>manifest with { ... }</c> and <see cref="Save"/>.
/// </summary>
/// <param name="Format">Always <see cref="CurrentFormat"/>.</param>
/// <param name="Name">The model's name, which is its folder's.</param>
/// <param name="Kind">What it does: <see cref="CausalLanguageModel"/>, <see cref="MaskedLanguageModel"/>, <see cref="EncoderDecoder"/> or <see cref="SequenceClassifier"/>.</param>
/// <param name="Created">When it was trained.</param>
/// <param name="Parameters">Numbers of weights.</param>
public sealed record ModelManifest(string Format, string Name, string Kind, DateTimeOffset Created, ParameterCount Parameters)
{
    /// <summary>The version of the format that this program writes and reads.</summary>
    public const string CurrentFormat = "onnxmoe/1";

    /// <summary>The kind of decoder-only language models.</summary>
    public const string CausalLanguageModel = "causal-lm";

    /// <summary>The kind of models that classify sequences.</summary>
    public const string SequenceClassifier = "classifier";

    /// <summary>The kind of bidirectional language models that fill in masked tokens.</summary>
    public const string MaskedLanguageModel = "masked-lm";

    /// <summary>The kind of models that read a text and write another.</summary>
    public const string EncoderDecoder = "encoder-decoder";

    /// <summary>The manifest's name in a model folder.</summary>
    public const string FileName = "manifest.json";

    /// <summary>All settings the model was made with, as resolved from defaults, recipe, environment and command line.</summary>
    public JsonObject? Recipe { get; init; }

    /// <summary>Sizes of a language model; null for other kinds.</summary>
    public LanguageModelSizes? LanguageModel { get; init; }

    /// <summary>Sizes of a masked language model or an encoder-decoder; null for other kinds.</summary>
    public TokenModelSizes? TokenModel { get; init; }

    /// <summary>Sizes of a classifier; null for other kinds.</summary>
    public ClassifierSizes? Classifier { get; init; }

    /// <summary>How a conversation becomes a prompt; null takes a plain transcript.</summary>
    public ChatTemplate? ChatTemplate { get; init; }

    /// <summary>The MoE layers in order; empty for a dense model.</summary>
    public IReadOnlyList<MoeLayerSizes> MoeLayers { get; init; } = [];

    /// <summary>The numbers of experts that a caller may choose from; null when the number is fixed.</summary>
    public ActiveExperts? ActiveExperts { get; init; }

    /// <summary>The threshold of routers that add experts up to one; null where they select in another way.</summary>
    public RouterThreshold? RouterThreshold { get; init; }

    /// <summary>The router that decides before the model runs; null where each layer has its own.</summary>
    public PreGate? PreGate { get; init; }

    /// <summary>What training measured, for example steps, validation loss and the bigram baseline.</summary>
    public JsonObject? Training { get; init; }

    /// <summary>The ONNX files made from the model, with the checks each passed.</summary>
    public IReadOnlyList<ExportRecord> Exports { get; init; } = [];

    /// <summary>File name (relative to the folder) to SHA-256.</summary>
    public IReadOnlyDictionary<string, string> Files { get; init; } = new SortedDictionary<string, string>(StringComparer.Ordinal);

    /// <summary>Reads the manifest of a model folder and checks that it is complete.</summary>
    /// <exception cref="UserError">No manifest there, another format, a missing field or one of a wrong type.</exception>
    public static ModelManifest Load(string modelFolder)
    {
        var path = Path.Combine(modelFolder, FileName);
        if (!File.Exists(path))
            throw new UserError($"{modelFolder} is not a model folder: it has no {FileName} (train one with 'onnxmoe train').");
        var header = JsonFile.Load<JsonNode>(path);
        var format = header is JsonObject fields && fields["format"] is JsonValue value && value.TryGetValue<string>(out var text) ? text : null;
        if (format != CurrentFormat)
            throw new UserError($"{path} has the format '{format ?? "(none)"}', but this program reads '{CurrentFormat}'.");
        return ManifestCheck.Passed(JsonFile.Load<ModelManifest>(path), path);
    }

    /// <summary>Writes the manifest into a model folder, after checking that it is complete.</summary>
    public void Save(string modelFolder)
    {
        var path = Path.Combine(modelFolder, FileName);
        AtomicFile.WriteJson(path, ManifestCheck.Passed(this, path));
    }

    /// <summary>This manifest with the checksums of the named files of <paramref name="folder"/> added or renewed.</summary>
    public ModelManifest WithFiles(string folder, params IEnumerable<string> names)
    {
        var files = new SortedDictionary<string, string>(Files.ToDictionary(), StringComparer.Ordinal);
        foreach (var (name, sum) in Checksums.Of(folder, names))
            files[name] = sum;
        return this with { Files = files };
    }

    /// <summary>Checks the named files, or all listed ones, against their checksums.</summary>
    /// <exception cref="UserError">A file is missing, truncated, changed, or not listed.</exception>
    public void Verify(string modelFolder, params IReadOnlyCollection<string> names)
    {
        if (names.FirstOrDefault(name => !Files.ContainsKey(name)) is { } unlisted)
            throw new UserError($"{Path.Combine(modelFolder, FileName)} lists no checksum for {unlisted}; make that file again (for example with 'onnxmoe export').");
        Checksums.Verify(modelFolder, names.Count == 0 ? Files : Files.Where(file => names.Contains(file.Key)));
    }
}
