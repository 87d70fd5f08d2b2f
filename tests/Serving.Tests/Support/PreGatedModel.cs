using OnnxMoe.Artifacts;
using OnnxMoe.Artifacts.Manifests;
using static Onnx.TensorProto.Types;

namespace OnnxMoe.Serving.Tests.Support;

/// <summary>
/// A small pre-gated model: <c>router.onnx</c> gives a token the expert that the sum of all token ids so far has modulo <see cref="Experts"/>, which it
/// knows through a cache of its own, and the logits of <c>model.onnx</c> depend on the experts of all tokens so far.
/// </summary>
internal static class PreGatedModel
{
    public const int Experts = 4;
    public const string Router = "router.onnx";
    private const int Vocabulary = 257;
    private const int Width = 8;

    /// <param name="offset">Added to the experts that the router gives; above 0 there are some that do not exist.</param>
    public static void Write(string folder, int context = 96, long offset = 0)
    {
        WriteRouter(Path.Combine(folder, Router), offset);
        WriteModel(Path.Combine(folder, "model.onnx"));
        (TinyModel.Manifest(context, [new MoeLayerSizes(0, Experts, 1, 1, false, 0, 1, 1)]) with { PreGate = new PreGate(Router, Experts) })
            .WithFiles(folder, "model.onnx", Router).Save(folder);
    }

    /// <summary>The expert of each token, by the router's rule.</summary>
    public static IEnumerable<int> ExpertsOf(IEnumerable<long> tokens)
    {
        var sum = 0L;
        foreach (var token in tokens)
            yield return (int)((sum += token) % Experts);
    }

    private static void WriteRouter(string path, long offset) => new OnnxGraph()
        .Input("input_ids", DataType.Int64, "batch", "sequence")
        .Input("past_key_values.0.ids", DataType.Int64, "batch", "past")
        .Output("expert_ids", DataType.Int64, "batch", "sequence")
        .Output("present.0.ids", DataType.Int64, "batch", "total")
        .Constant("one", 1)
        .Constant("experts", Experts)
        .Constant("offset", offset)
        .Node("Concat", ["past_key_values.0.ids", "input_ids"], ["present.0.ids"], ("axis", 1))
        .Node("ReduceSum", ["past_key_values.0.ids", "one"], ["before"])
        .Node("CumSum", ["input_ids", "one"], ["here"])
        .Node("Add", ["before", "here"], ["sum"])
        .Node("Mod", ["sum", "experts"], ["expert"])
        .Node("Add", ["expert", "offset"], ["expert_ids"])
        .Save(path);

    private static void WriteModel(string path)
    {
        var random = new Random(11);
        float[] Draw(int count) => [.. Enumerable.Range(0, count).Select(_ => (float)(random.NextDouble() * 2 - 1))];
        new OnnxGraph()
            .Input("input_ids", DataType.Int64, "batch", "sequence")
            .Input("attention_mask", DataType.Int64, "batch", "total")
            .Input("position_ids", DataType.Int64, "batch", "sequence")
            .Input("expert_ids", DataType.Int64, "batch", "sequence")
            .Input("past_key_values.0.value", DataType.Float, "batch", "past", Width)
            .Output("logits", DataType.Float, "batch", "sequence", Vocabulary)
            .Output("present.0.value", DataType.Float, "batch", "total", Width)
            .Output("routing.0.indices", DataType.Int64, "batch", "sequence", 1)
            .Output("routing.0.weights", DataType.Float, "batch", "sequence", 1)
            .Constant("embedding", Draw(Vocabulary * Width), Vocabulary, Width)
            .Constant("expert", Draw(Experts * Width), Experts, Width)
            .Constant("head", Draw(Width * Vocabulary), Width, Vocabulary)
            .Constant("one", 1)
            .Constant("two", 2)
            .Node("Gather", ["embedding", "input_ids"], ["token"])
            .Node("Gather", ["expert", "expert_ids"], ["routed"])
            .Node("Add", ["token", "routed"], ["value"])
            .Node("Concat", ["past_key_values.0.value", "value"], ["present.0.value"], ("axis", 1))
            .Node("ReduceSum", ["past_key_values.0.value", "one"], ["before"])
            .Node("CumSum", ["value", "one"], ["here"])
            .Node("Add", ["before", "here"], ["history"])
            .Node("Sin", ["history"], ["h"])
            .Node("MatMul", ["h", "head"], ["logits"])
            .Node("Unsqueeze", ["expert_ids", "two"], ["routing.0.indices"])
            .Node("Equal", ["routing.0.indices", "routing.0.indices"], ["always"])
            .Node("Cast", ["always"], ["routing.0.weights"], ("to", (long)DataType.Float))
            .Save(path);
    }
}
