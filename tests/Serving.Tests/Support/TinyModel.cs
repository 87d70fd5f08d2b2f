using System.Text;
using OnnxMoe.Artifacts;
using OnnxMoe.Artifacts.Manifests;
using OnnxMoe.Artifacts.Tokenizers;
using static Onnx.TensorProto.Types;

namespace OnnxMoe.Serving.Tests.Support;

/// <summary>
/// Language models over bytes with the exporter's inputs and outputs, a few kilobytes each: one with random weights whose every
/// logit depends on the whole history through the cache, and one that recites a text.
/// </summary>
internal static class TinyModel
{
    public const int Experts = 4;
    public const int ExpertsPerToken = 2;
    private const int Vocabulary = 257;
    private const int Width = 8;

    /// <summary>A model with random weights.</summary>
    public static void WriteRandom(string folder, int context = 96)
    {
        var random = new Random(7);
        float[] Draw(int count, double scale) => [.. Enumerable.Range(0, count).Select(_ => (float)((random.NextDouble() * 2 - 1) * scale))];
        var graph = Begin(context)
            .Constant("embedding", Draw(Vocabulary * Width, 1), Vocabulary, Width)
            .Constant("places", Draw(context * Width, 1), context, Width)
            .Constant("head", Draw(Width * Vocabulary, 3), Width, Vocabulary);
        End(graph, "mixed", folder, context, router: Draw(Width * Experts, 1));
    }

    /// <summary>A model with random weights in which the caller says how many experts a token meets, and the logits show it.</summary>
    public static void WriteDial(string folder, int context = 96)
    {
        var random = new Random(7);
        float[] Draw(int count, double scale) => [.. Enumerable.Range(0, count).Select(_ => (float)((random.NextDouble() * 2 - 1) * scale))];
        var graph = Begin(context)
            .OptionalInput(ActiveExperts.Input, Dial.Default)
            .Constant("embedding", Draw(Vocabulary * Width, 1), Vocabulary, Width)
            .Constant("places", Draw(context * Width, 1), context, Width)
            .Constant("head", Draw(Width * Vocabulary, 3), Width, Vocabulary);
        End(graph, "dialled", folder, context, router: Draw(Width * Experts, 1), ActiveExperts.Input);
        (ModelManifest.Load(folder) with { ActiveExperts = Dial }).Save(folder);
    }

    /// <summary>A model with random weights whose logits depend on a threshold that the server may set; 0.5 if it does not.</summary>
    public static void WriteThreshold(string folder)
    {
        const int context = 96;
        var random = new Random(7);
        float[] Draw(int count, double scale) => [.. Enumerable.Range(0, count).Select(_ => (float)((random.NextDouble() * 2 - 1) * scale))];
        var graph = Begin(context)
            .Input(RouterThreshold.Input, DataType.Float)
            .Constant(RouterThreshold.Input, [0.5f])
            .Constant("embedding", Draw(Vocabulary * Width, 1), Vocabulary, Width)
            .Constant("places", Draw(context * Width, 1), context, Width)
            .Constant("head", Draw(Width * Vocabulary, 3), Width, Vocabulary);
        End(graph, "dialled", folder, context, router: Draw(Width * Experts, 1), factor: RouterThreshold.Input);
        (ModelManifest.Load(folder) with { RouterThreshold = new(0.5) }).Save(folder);
    }

    /// <summary>A model with random weights whose layer passes its experts twice.</summary>
    public static void WriteChain(string folder, int context = 96)
    {
        var random = new Random(7);
        float[] Draw(int count, double scale) => [.. Enumerable.Range(0, count).Select(_ => (float)((random.NextDouble() * 2 - 1) * scale))];
        var graph = Begin(context)
            .Output("routing.0.1.indices", DataType.Int64, "batch", "sequence", "K")
            .Output("routing.0.1.weights", DataType.Float, "batch", "sequence", "K")
            .Constant("embedding", Draw(Vocabulary * Width, 1), Vocabulary, Width)
            .Constant("places", Draw(context * Width, 1), context, Width)
            .Constant("head", Draw(Width * Vocabulary, 3), Width, Vocabulary)
            .Constant("second router", Draw(Width * Experts, 1), Width, Experts)
            .Node("Gather", ["embedding", "input_ids"], ["second input"])
            .Node("MatMul", ["second input", "second router"], ["second scores"])
            .Node("TopK", ["second scores", "k"], ["second best", "routing.0.1.indices"])
            .Node("Softmax", ["second best"], ["routing.0.1.weights"]);
        End(graph, "mixed", folder, context, router: Draw(Width * Experts, 1));
        var manifest = ModelManifest.Load(folder);
        (manifest with { MoeLayers = [manifest.MoeLayers[0] with { Iterations = 2 }] }).Save(folder);
    }

    /// <summary>The numbers of experts that <see cref="WriteDial"/>'s model offers.</summary>
    public static ActiveExperts Dial { get; } = new(1, Experts, 2, [new(1, 3.5, 100), new(2, 3.25, 200), new(4, 3, 400)]);

    /// <summary>A model that answers any prompt of one token with <paramref name="text"/>, one byte a token, and the end of the text.</summary>
    public static void WriteReciting(string folder, string text)
    {
        var bytes = Encoding.UTF8.GetBytes(text);
        var context = bytes.Length + 2;
        var table = new float[context * Vocabulary];
        for (var place = 0; place < context; place++)
            table[place * Vocabulary + (place < bytes.Length ? bytes[place] : 256)] = 30;
        var graph = Begin(context)
            .Constant("embedding", new float[Vocabulary * Width], Vocabulary, Width)
            .Constant("places", new float[context * Width], context, Width)
            .Constant("table", table, context, Vocabulary)
            .Constant("head", new float[Width * Vocabulary], Width, Vocabulary)
            .Node("Gather", ["table", "position_ids"], ["recited"]);
        End(graph, "recited", folder, context, router: new float[Width * Experts]);
    }

    /// <summary>
    /// A model without keys: what it remembers is a cache of whole numbers whose past comes first, [past, batch], and one with an axis of
    /// experts, [batch, 3, past, width].
    /// </summary>
    public static void WriteOddCaches(string folder, int context = 96)
    {
        var random = new Random(7);
        float[] Draw(int count) => [.. Enumerable.Range(0, count).Select(_ => (float)(random.NextDouble() * 2 - 1))];
        new OnnxGraph()
            .Input("input_ids", DataType.Int64, "batch", "sequence")
            .Input("attention_mask", DataType.Int64, "batch", "total")
            .Input("position_ids", DataType.Int64, "batch", "sequence")
            .Input("past_key_values.3.ids", DataType.Int64, "past", "batch")
            .Input("past_key_values.3.scores", DataType.Float, "batch", 3, "past", Width)
            .Output("logits", DataType.Float, "batch", "sequence", Vocabulary)
            .Output("present.3.ids", DataType.Int64, "total", "batch")
            .Output("present.3.scores", DataType.Float, "batch", 3, "total", Width)
            .Constant("embedding", Draw(Vocabulary * Width), Vocabulary, Width)
            .Constant("experts", Draw(3 * Width), 3, 1, Width)
            .Constant("head", Draw(Width * Vocabulary), Width, Vocabulary)
            .Constant("hundredth", [0.01f])
            .Constant("zero", 0)
            .Constant("one", 1)
            .Constant("two", 2)
            .Node("Transpose", ["input_ids"], ["ids"]) // [sequence, batch]
            .Node("Concat", ["past_key_values.3.ids", "ids"], ["present.3.ids"], ("axis", 0))
            .Node("ReduceSum", ["past_key_values.3.ids", "zero"], ["ids before"])
            .Node("CumSum", ["ids", "zero"], ["ids here"])
            .Node("Add", ["ids before", "ids here"], ["ids so far"])
            .Node("Transpose", ["ids so far"], ["row ids so far"])
            .Node("Cast", ["row ids so far"], ["count"], ("to", (long)DataType.Float))
            .Node("Unsqueeze", ["count", "two"], ["count3"])
            .Node("Mul", ["count3", "hundredth"], ["from ids"]) // [batch, sequence, 1]
            .Node("Gather", ["embedding", "input_ids"], ["token"])
            .Node("Unsqueeze", ["token", "one"], ["token4"])
            .Node("Mul", ["token4", "experts"], ["score"]) // [batch, 3, sequence, width]
            .Node("Concat", ["past_key_values.3.scores", "score"], ["present.3.scores"], ("axis", 2))
            .Node("ReduceSum", ["past_key_values.3.scores", "two"], ["scores before"])
            .Node("CumSum", ["score", "two"], ["scores here"])
            .Node("Add", ["scores before", "scores here"], ["scores so far"])
            .Node("ReduceSum", ["scores so far", "one"], ["from scores"], ("keepdims", 0))
            .Node("Add", ["from ids", "from scores"], ["history"])
            .Node("Sin", ["history"], ["h"])
            .Node("MatMul", ["h", "head"], ["logits"])
            .Save(Path.Combine(folder, "model.onnx"));
        Manifest(context, []).WithFiles(folder, "model.onnx").Save(folder);
    }

    private static OnnxGraph Begin(int context) => new OnnxGraph()
        .Input("input_ids", DataType.Int64, "batch", "sequence")
        .Input("attention_mask", DataType.Int64, "batch", "total")
        .Input("position_ids", DataType.Int64, "batch", "sequence")
        .Input("past_key_values.0.key", DataType.Float, "batch", 1, "past", Width)
        .Input("past_key_values.0.value", DataType.Float, "batch", 1, "past", Width)
        .Output("logits", DataType.Float, "batch", "sequence", Vocabulary)
        .Output("present.0.key", DataType.Float, "batch", 1, "total", Width)
        .Output("present.0.value", DataType.Float, "batch", 1, "total", Width)
        .Output("routing.0.indices", DataType.Int64, "batch", "sequence", "K")
        .Output("routing.0.weights", DataType.Float, "batch", "sequence", "K");

    /// <param name="logits">Which of the values of the graph the logits are: "mixed" from the history, "dialled" from the experts' scores too.</param>
    /// <param name="experts">Which of the values is the number of experts a token.</param>
    /// <param name="factor">Which of the values "dialled" logits multiply the experts' scores by.</param>
    private static void End(OnnxGraph graph, string logits, string folder, int context, float[] router, string experts = "k", string factor = "half")
    {
        graph
            .Constant("router", router, Width, Experts)
            .Constant("half", [0.5f])
            .Constant("one", 1)
            .Constant("two", 2)
            .Constant("last", -1)
            .Constant("k", ExpertsPerToken)
            .Node("Gather", ["embedding", "input_ids"], ["token"])
            .Node("Gather", ["places", "position_ids"], ["place"])
            .Node("Add", ["token", "place"], ["x"]) // [batch, sequence, width]
            .Node("Unsqueeze", ["x", "one"], ["key"])
            .Node("Mul", ["key", "half"], ["value"])
            .Node("Concat", ["past_key_values.0.key", "key"], ["present.0.key"], ("axis", 2))
            .Node("Concat", ["past_key_values.0.value", "value"], ["present.0.value"], ("axis", 2))
            // The sum of all values so far stands for attention: causal, and wrong as soon as the cache or a position is.
            .Node("ReduceSum", ["past_key_values.0.value", "two"], ["before"])
            .Node("CumSum", ["value", "two"], ["here"])
            .Node("Add", ["before", "here"], ["history4"])
            .Node("Squeeze", ["history4", "one"], ["history"])
            .Node("Add", ["x", "history"], ["sum"])
            .Node("Tanh", ["sum"], ["h"])
            .Node("Cast", ["attention_mask"], ["mask"], ("to", (long)DataType.Float))
            .Node("ReduceMin", ["mask"], ["open"], ("keepdims", 0))
            .Node("MatMul", ["h", "head"], ["mixed"])
            .Node("MatMul", ["h", "router"], ["scores"])
            .Node("TopK", ["scores", experts], ["best", "routing.0.indices"])
            .Node("Softmax", ["best"], ["routing.0.weights"])
            .Node("ReduceSum", ["best", "last"], ["strength"])
            .Node("Mul", ["strength", factor], ["toned strength"])
            .Node("Sin", ["toned strength"], ["lift"])
            .Node("Add", ["h", "lift"], ["lifted"])
            .Node("MatMul", ["lifted", "head"], ["dialled"])
            .Node("Mul", [logits, "open"], ["logits"])
            .Save(Path.Combine(folder, "model.onnx"));
        Manifest(context, [new MoeLayerSizes(0, Experts, ExpertsPerToken, 1, false, 0, 1, 1)]).WithFiles(folder, "model.onnx").Save(folder);
    }

    public static ModelManifest Manifest(int context, MoeLayerSizes[] layers) =>
        new(ModelManifest.CurrentFormat, "tiny", ModelManifest.CausalLanguageModel, new DateTimeOffset(2026, 1, 2, 3, 4, 5, TimeSpan.Zero), new ParameterCount(1, 1))
        {
            LanguageModel = new LanguageModelSizes(Vocabulary, context, 1, Width, 1, 1, Width, ByteTokenizer.Name, 256),
            MoeLayers = layers,
            Exports = [new ExportRecord("onnx", "fp32", "model.onnx", [])],
        };
}
