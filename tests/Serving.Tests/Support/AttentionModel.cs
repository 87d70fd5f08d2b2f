using OnnxMoe.Artifacts;
using OnnxMoe.Artifacts.Manifests;
using OnnxMoe.Artifacts.Tokenizers;
using static Onnx.TensorProto.Types;

namespace OnnxMoe.Serving.Tests.Support;

/// <summary>A language model over bytes with real attention and routed experts, as the exporter writes them: two layers, random weights. How many experts a token meets can be chosen.</summary>
internal static class AttentionModel
{
    public const int Layers = 2;
    private const int Vocabulary = 257;
    private const int Width = 32;
    private const int Heads = 2;
    private const int HeadSize = 16;
    private const int Experts = 8;
    private const int Hidden = 24;

    /// <param name="folder">Where to.</param>
    /// <param name="context">Its length.</param>
    public static void Write(string folder, int context = 256)
    {
        var random = new Random(5);
        float[] Draw(int count, double scale) => [.. Enumerable.Range(0, count).Select(_ => (float)((random.NextDouble() * 2 - 1) * scale))];
        float[] Angles(Func<double, double> of) => [.. Enumerable.Range(0, context * HeadSize / 2).Select(i => (float)of(i / (HeadSize / 2) * Math.Pow(100, -(i % (HeadSize / 2)) / (HeadSize / 2.0))))];
        var graph = new OnnxGraph()
            .Input("input_ids", DataType.Int64, "batch", "sequence")
            .Input("attention_mask", DataType.Int64, "batch", "total")
            .Input("position_ids", DataType.Int64, "batch", "sequence")
            .OptionalInput(ActiveExperts.Input, 2)
            .Output("logits", DataType.Float, "batch", "sequence", Vocabulary)
            .Constant("cos", Angles(Math.Cos), context, HeadSize / 2)
            .Constant("sin", Angles(Math.Sin), context, HeadSize / 2)
            .Constant("embedding", Draw(Vocabulary * Width, 1), Vocabulary, Width)
            .Stored("head", Draw(Width * Vocabulary, 0.6), Width, Vocabulary)
            .Constant("rows", -1, Width).Constant("rest", -1)
            .Node("Shape", ["input_ids"], ["batch and sequence"])
            .Node("Concat", ["batch and sequence", "rest"], ["routing shape"], ("axis", 0))
            .Node("Gather", ["embedding", "input_ids"], ["x0"]);
        for (var layer = 0; layer < Layers; layer++)
            Layer(graph, layer, Draw);
        graph.Node("MatMul", [$"x{Layers}", "head"], ["logits"]).Save(Path.Combine(folder, "model.onnx"));
        (TinyModel.Manifest(context, [.. Enumerable.Range(0, Layers).Select(layer => new MoeLayerSizes(layer, Experts, 2, Hidden, true, 0, 1, 1))]) with
        {
            ActiveExperts = new(1, Experts, 2, []),
            LanguageModel = new LanguageModelSizes(Vocabulary, context, Layers, Width, Heads, 1, HeadSize, ByteTokenizer.Name, 256),
            Exports = [new ExportRecord("onnxmoe", "fp32", "model.onnx", [])],
        }).WithFiles(folder, "model.onnx", "model.onnx.data").Save(folder);
    }

    private static void Layer(OnnxGraph graph, int n, Func<int, double, float[]> draw) => graph
        .Input($"past_key_values.{n}.key", DataType.Float, "batch", 1, "past", HeadSize)
        .Input($"past_key_values.{n}.value", DataType.Float, "batch", 1, "past", HeadSize)
        .Output($"present.{n}.key", DataType.Float, "batch", 1, "total", HeadSize)
        .Output($"present.{n}.value", DataType.Float, "batch", 1, "total", HeadSize)
        .Output($"routing.{n}.indices", DataType.Int64, "batch", "sequence", "K")
        .Output($"routing.{n}.weights", DataType.Float, "batch", "sequence", "K")
        .Constant($"query {n}", draw(Width * Width, 0.5), Width, Width)
        .Constant($"key {n}", draw(Width * HeadSize, 0.5), Width, HeadSize)
        .Constant($"value {n}", draw(Width * HeadSize, 0.5), Width, HeadSize)
        .Constant($"router {n}", draw(Width * Experts, 1), Width, Experts)
        .Stored($"up {n}", draw(Experts * Width * Hidden, 0.4), Experts, Width, Hidden)
        .Stored($"down {n}", draw(Experts * Hidden * Width, 0.4), Experts, Hidden, Width)
        .Stored($"gate {n}", draw(Experts * Width * Hidden, 0.4), Experts, Width, Hidden)
        .Node("MatMul", [$"x{n}", $"query {n}"], [$"q{n}"]).Node("MatMul", [$"x{n}", $"key {n}"], [$"k{n}"]).Node("MatMul", [$"x{n}", $"value {n}"], [$"v{n}"])
        .CausalAttention($"attention {n}", Heads, HeadSize,
            [$"q{n}", $"k{n}", $"v{n}", $"past_key_values.{n}.key", $"past_key_values.{n}.value", "attention_mask", "position_ids", "cos", "sin"],
            [$"context {n}", $"present.{n}.key", $"present.{n}.value"])
        .Node("Add", [$"x{n}", $"context {n}"], [$"sum {n}"]).Node("Tanh", [$"sum {n}"], [$"h{n}"])
        .Node("Reshape", [$"h{n}", "rows"], [$"rows {n}"])
        .Node("MatMul", [$"rows {n}", $"router {n}"], [$"scores {n}"]).Node("Softmax", [$"scores {n}"], [$"probabilities {n}"])
        .Node("TopK", [$"probabilities {n}", ActiveExperts.Input], [$"weights {n}", $"indices {n}"])
        .Node("Reshape", [$"indices {n}", "routing shape"], [$"routing.{n}.indices"]).Node("Reshape", [$"weights {n}", "routing shape"], [$"routing.{n}.weights"])
        .GroupedFfn($"experts {n}", [$"rows {n}", $"indices {n}", $"weights {n}", $"up {n}", $"down {n}", $"gate {n}"], $"routed {n}")
        .Node("Shape", [$"h{n}"], [$"shape {n}"]).Node("Reshape", [$"routed {n}", $"shape {n}"], [$"y{n}"])
        .Node("Add", [$"h{n}", $"y{n}"], [$"x{n + 1}"]);
}
