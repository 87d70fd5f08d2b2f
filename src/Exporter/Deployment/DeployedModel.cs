using Onnx;
using OnnxMoe.Artifacts;
using OnnxMoe.Artifacts.Deployment;
using OnnxMoe.Artifacts.Graphs;
using OnnxMoe.Artifacts.Manifests;
using OnnxMoe.Artifacts.Tensors;
using OnnxMoe.Artifacts.Tokenizers;
using static Onnx.TensorProto.Types;

namespace OnnxMoe.Exporter.Deployment;

/// <summary>An exported model as something to deploy: its files, its sizes, its inputs and outputs.</summary>
internal sealed class DeployedModel
{
    /// <summary>What is made from a label in Kubernetes stays within its 63 characters.</summary>
    private const int LongestLabel = 40;

    /// <param name="folder">The model folder.</param>
    /// <param name="file">Which of its ONNX files.</param>
    /// <exception cref="UserError">The file was not exported, or is damaged.</exception>
    public DeployedModel(string folder, string file)
    {
        (Folder, File, Manifest) = (folder, file, ModelManifest.Load(folder));
        Record = Manifest.Exports.FirstOrDefault(export => export.File == file)
            ?? throw new UserError($"{Manifest.Name} has no exported file {file} to deploy; its manifest lists {(Manifest.Exports.Count == 0 ? "none" : string.Join(", ", Manifest.Exports.Select(export => export.File).Distinct()))}.");
        Onnx = ModelFile.Load(Path.Combine(folder, file));
        OnnxFiles = [file, .. ExternalFiles(Onnx)];
        string[] router = Manifest.PreGate is { } gate ? [gate.File, .. ExternalFiles(ModelFile.Load(Path.Combine(folder, gate.File)))] : [];
        string[] tokenizer = Manifest.LanguageModel is { Tokenizer: not ByteTokenizer.Name } sizes ? [sizes.Tokenizer] : [];
        ServedFiles = [ModelManifest.FileName, .. OnnxFiles, .. router, .. tokenizer];
        Label = KubernetesNames.Label(Manifest.Name, LongestLabel);
        var optional = ModelFile.OptionalInputs(Onnx).Select(input => input.Name).ToHashSet();
        OptionalInputs = [.. optional];
        Inputs = [.. Onnx.Graph.Input.Where(input => !optional.Contains(input.Name))];
        CacheBytesPerToken = Inputs.Where(input => CacheInput.Is(input.Name)).Sum(BytesPerToken);
    }

    public string Folder { get; }

    public string File { get; }

    public ModelManifest Manifest { get; }

    /// <summary>The manifest's record of the file.</summary>
    public ExportRecord Record { get; }

    public ModelProto Onnx { get; }

    /// <summary>The ONNX file and those with its weights.</summary>
    public IReadOnlyList<string> OnnxFiles { get; }

    /// <summary>All that <c>onnxmoe serve</c> reads.</summary>
    public IReadOnlyList<string> ServedFiles { get; }

    /// <summary>A name like the model's that Kubernetes takes for every kind of object.</summary>
    public string Label { get; }

    /// <summary>The inputs that a caller must give.</summary>
    public IReadOnlyList<ValueInfoProto> Inputs { get; }

    /// <summary>The inputs that have a default.</summary>
    public IReadOnlyList<string> OptionalInputs { get; }

    /// <summary>What the caches of a sequence grow by for each token; 0 for a model without caches.</summary>
    public long CacheBytesPerToken { get; }

    /// <summary>Whether the native kernels can run its operators.</summary>
    public bool HasKernels => Record.Target == nameof(ExportTarget.OnnxMoe).ToLowerInvariant();

    /// <summary>Bytes of the ONNX file and its external data.</summary>
    public long StoredBytes => OnnxFiles.Sum(name => new FileInfo(Path.Combine(Folder, name)).Length);

    /// <summary>Bytes of the weights as they are computed with: float16 becomes float32.</summary>
    public long ComputedBytes => Onnx.Graph.Initializer.Sum(tensor => tensor.Dims.Aggregate(1L, (count, size) => count * size) * (DataType)tensor.DataType switch
    {
        DataType.Float or DataType.Float16 or DataType.Bfloat16 or DataType.Int32 or DataType.Uint32 => 4,
        DataType.Double or DataType.Int64 or DataType.Uint64 => 8,
        _ => 1,
    });

    private static IEnumerable<string> ExternalFiles(ModelProto model) => model.Graph.Initializer
        .SelectMany(tensor => tensor.ExternalData).Where(entry => entry.Key == "location").Select(entry => entry.Value).Distinct();

    private static long BytesPerToken(ValueInfoProto input)
    {
        var tensor = input.Type.TensorType;
        return new CacheInput(input.Name, (ElementType)tensor.ElemType, tensor.Shape.Dim.Select(size => size.DimParam.Length > 0 ? size.DimParam : $"{size.DimValue}")).BytesPerToken;
    }
}
