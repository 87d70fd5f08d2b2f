using Google.Protobuf;
using OnnxMoe.Artifacts;
using OnnxMoe.Artifacts.Graphs;
using OnnxMoe.Artifacts.Manifests;
using OnnxMoe.Artifacts.Tokenizers;
using static Onnx.TensorProto.Types;

namespace OnnxMoe.Serving.Tests.Support;

/// <summary>A language model over bytes with real attention and routed experts, as the exporter writes them for a target: two layers, random weights. How many experts a token meets can be chosen.</summary>
internal static class AttentionModel
{
    public const int Layers = 2;
    private const int Vocabulary = 257;
    private const int HeadSize = 16;
    private const int Experts = 8;
    private const int Hidden = 24;

    /// <param name="folder">Where to.</param>
    /// <param name="context">Its length.</param>
    /// <param name="target">onnxmoe: CausalAttention with two heads and one of keys; onnxruntime: GroupQueryAttention with four heads and two of keys.</param>
    public static void Write(string folder, int context = 256, string target = "onnxmoe")
    {
        var groups = target == "onnxruntime" ? 2 : 1; // of two heads that share one of keys
        var width = 2 * groups * HeadSize;
        var random = new Random(5);
        // Rows twice as wide have smaller weights, so that their products are as large.
        float[] Draw(int count, double scale) => [.. Enumerable.Range(0, count).Select(_ => (float)((random.NextDouble() * 2 - 1) * scale / groups))];
        float[] Angles(Func<double, double> of) => [.. Enumerable.Range(0, context * HeadSize / 2).Select(i => (float)of(i / (HeadSize / 2) * Math.Pow(100, -(i % (HeadSize / 2)) / (HeadSize / 2.0))))];
        var graph = new OnnxGraph()
            .Input("input_ids", DataType.Int64, "batch", "sequence")
            .Input("attention_mask", DataType.Int64, "batch", "total")
            .Input("position_ids", DataType.Int64, "batch", "sequence")
            .OptionalInput(ActiveExperts.Input, 2)
            .Output("logits", DataType.Float, "batch", "sequence", Vocabulary)
            .Constant("cos", Angles(Math.Cos), context, HeadSize / 2)
            .Constant("sin", Angles(Math.Sin), context, HeadSize / 2)
            .Constant("embedding", Draw(Vocabulary * width, 1), Vocabulary, width)
            .Stored("head", Draw(width * Vocabulary, 0.6), width, Vocabulary)
            .Constant("rows", -1, width).Constant("rest", -1)
            .Node("Shape", ["input_ids"], ["batch and sequence"])
            .Node("Concat", ["batch and sequence", "rest"], ["routing shape"], ("axis", 0))
            .Node("Gather", ["embedding", "input_ids"], ["x0"]);
        if (target == "onnxruntime")
            graph.LengthsOf("attention_mask");
        for (var layer = 0; layer < Layers; layer++)
            Layer(graph, layer, groups, Draw);
        graph.Node("MatMul", [$"x{Layers}", "head"], ["logits"]).Save(Path.Combine(folder, "model.onnx"));
        (TinyModel.Manifest(context, [.. Enumerable.Range(0, Layers).Select(layer => new MoeLayerSizes(layer, Experts, 2, Hidden, true, 0, 1, 1))]) with
        {
            ActiveExperts = new(1, Experts, 2, []),
            LanguageModel = new LanguageModelSizes(Vocabulary, context, Layers, width, 2 * groups, groups, HeadSize, ByteTokenizer.Name, 256),
            Exports = [new ExportRecord(target, "fp32", "model.onnx", [])],
        }).WithFiles(folder, "model.onnx", "model.onnx.data").Save(folder);
    }

    /// <summary>Makes a byte one that the model computes no numbers of.</summary>
    public static void Spoil(string folder, char letter)
    {
        var path = Path.Combine(folder, "model.onnx");
        var model = ModelFile.Load(path);
        var embedding = model.Graph.Initializer.Single(tensor => tensor.Name == "embedding");
        for (var i = 0; i < embedding.Dims[1]; i++)
            embedding.FloatData[letter * (int)embedding.Dims[1] + i] = float.NaN;
        File.WriteAllBytes(path, model.ToByteArray());
        ModelManifest.Load(folder).WithFiles(folder, "model.onnx", "model.onnx.data").Save(folder);
    }

    private static void Layer(OnnxGraph graph, int n, int groups, Func<int, double, float[]> draw)
    {
        var (width, keys) = (2 * groups * HeadSize, groups * HeadSize);
        graph
            .Input($"past_key_values.{n}.key", DataType.Float, "batch", groups, "past", HeadSize)
            .Input($"past_key_values.{n}.value", DataType.Float, "batch", groups, "past", HeadSize)
            .Output($"present.{n}.key", DataType.Float, "batch", groups, "total", HeadSize)
            .Output($"present.{n}.value", DataType.Float, "batch", groups, "total", HeadSize)
            .Output($"routing.{n}.indices", DataType.Int64, "batch", "sequence", "K")
            .Output($"routing.{n}.weights", DataType.Float, "batch", "sequence", "K")
            .Constant($"query {n}", draw(width * width, 0.5), width, width)
            .Constant($"key {n}", draw(width * keys, 0.5), width, keys)
            .Constant($"value {n}", draw(width * keys, 0.5), width, keys)
            .Constant($"router {n}", draw(width * Experts, 1), width, Experts)
            .Stored($"up {n}", draw(Experts * width * Hidden, 0.4), Experts, width, Hidden)
            .Stored($"down {n}", draw(Experts * Hidden * width, 0.4), Experts, Hidden, width)
            .Stored($"gate {n}", draw(Experts * width * Hidden, 0.4), Experts, width, Hidden)
            .Node("MatMul", [$"x{n}", $"query {n}"], [$"q{n}"]).Node("MatMul", [$"x{n}", $"key {n}"], [$"k{n}"]).Node("MatMul", [$"x{n}", $"value {n}"], [$"v{n}"]);
        string[] projections = [$"q{n}", $"k{n}", $"v{n}", $"past_key_values.{n}.key", $"past_key_values.{n}.value"];
        string[] results = [$"context {n}", $"present.{n}.key", $"present.{n}.value"];
        if (groups == 1)
            graph.CausalAttention($"attention {n}", 2, HeadSize, [.. projections, "attention_mask", "position_ids", "cos", "sin"], results);
        else
            graph.GroupQueryAttention($"attention {n}", 2 * groups, groups, [.. projections, "attention_mask ends", "attention_mask total", "cos", "sin"], results);
        graph
            .Node("Add", [$"x{n}", $"context {n}"], [$"sum {n}"]).Node("Tanh", [$"sum {n}"], [$"h{n}"])
            .Node("Reshape", [$"h{n}", "rows"], [$"rows {n}"])
            .Node("MatMul", [$"rows {n}", $"router {n}"], [$"scores {n}"]).Node("Softmax", [$"scores {n}"], [$"probabilities {n}"])
            .Node("TopK", [$"probabilities {n}", ActiveExperts.Input], [$"weights {n}", $"indices {n}"])
            .Node("Reshape", [$"indices {n}", "routing shape"], [$"routing.{n}.indices"]).Node("Reshape", [$"weights {n}", "routing shape"], [$"routing.{n}.weights"])
            .GroupedFfn($"experts {n}", [$"rows {n}", $"indices {n}", $"weights {n}", $"up {n}", $"down {n}", $"gate {n}"], $"routed {n}")
            .Node("Shape", [$"h{n}"], [$"shape {n}"]).Node("Reshape", [$"routed {n}", $"shape {n}"], [$"y{n}"])
            .Node("Add", [$"h{n}", $"y{n}"], [$"x{n + 1}"]);
    }
}
