using Onnx;
using OnnxMoe.Artifacts.Graphs;

namespace OnnxMoe.Serving.ExpertParallel;

/// <summary>A model that is served in parts.</summary>
/// <param name="path">Its ONNX file.</param>
/// <param name="threads">Threads of a part.</param>
/// <param name="kernels">Path of the library with the native kernels; null uses the file's own function bodies.</param>
/// <param name="changed">What is in the file, changed; null takes it as it is.</param>
internal sealed class CutFile(string path, int threads, string? kernels, ModelProto? changed = null)
{
    public string Path => path;

    /// <summary>Where its external data are.</summary>
    public string Folder { get; } = System.IO.Path.GetDirectoryName(System.IO.Path.GetFullPath(path))!;

    public int Threads => threads;

    public string? Kernels => kernels;

    /// <summary>The model, without its external data.</summary>
    public ModelProto Model { get; } = changed ?? ModelFile.Load(path);

    /// <summary>Weights and constants by name.</summary>
    public IReadOnlyDictionary<string, TensorProto> Initializers => field ??= Model.Graph.Initializer.ToDictionary(tensor => tensor.Name);

    /// <summary>Where it is cut.</summary>
    /// <exception cref="Artifacts.UserError">It cannot be cut.</exception>
    public GraphCut Cut => field ??= new GraphCut(Model, System.IO.Path.GetFileName(path));

    /// <summary>The routed layers in ascending order.</summary>
    public IReadOnlyList<(int Layer, int Experts)> Layers =>
        [.. Cut.Calls.OrderBy(call => call.Site).DistinctBy(call => call.Site.Layer).Select(call => (call.Site.Layer, ExpertsOf(call)))];

    /// <summary>Numbers of a token that the experts of a layer take, D.</summary>
    public int WidthOf(ExpertCall call) => (int)Initializers[call.Stacks[0]].Dims[1];

    /// <summary>How many experts a layer has.</summary>
    public int ExpertsOf(ExpertCall call) => (int)Initializers[call.Stacks[0]].Dims[0];
}
