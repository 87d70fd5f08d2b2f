using OnnxMoe.Artifacts;
using OnnxMoe.Artifacts.Manifests;
using OnnxMoe.Artifacts.Placement;
using OnnxMoe.Artifacts.Tokenizers;
using static Onnx.TensorProto.Types;

namespace OnnxMoe.Serving.Tests.Support;

/// <summary>
/// A language model over bytes whose experts are real: GroupedFfn on weights in a file beside the model. Layers 0 and 2 are routed, the second of
/// them passes its experts twice, and in between is a layer without experts. How many experts a token meets can be chosen.
/// </summary>
internal static class MoeModel
{
    public const int Experts = 8;
    private const int Vocabulary = 257;
    private const int Width = 16;
    private const int Hidden = 24;

    /// <summary>Numbers of the routed layers, and their experts.</summary>
    public static IReadOnlyList<(int Layer, int Experts)> Layers { get; } = [(0, Experts), (2, Experts)];

    /// <param name="folder">Where to.</param>
    /// <param name="target">"onnxmoe" runs by the native kernels, "onnx" by function bodies.</param>
    /// <param name="context">Its length.</param>
    /// <param name="codes">Experts are stored as 8 bit codes.</param>
    public static void Write(string folder, string target = "onnxmoe", int context = 96, bool codes = false)
    {
        var random = new Random(3);
        float[] Draw(int count, double scale) => [.. Enumerable.Range(0, count).Select(_ => (float)((random.NextDouble() * 2 - 1) * scale))];
        var graph = new OnnxGraph()
            .Input("input_ids", DataType.Int64, "batch", "sequence")
            .Input("attention_mask", DataType.Int64, "batch", "total")
            .Input("position_ids", DataType.Int64, "batch", "sequence")
            .OptionalInput(ActiveExperts.Input, 2)
            .Output("logits", DataType.Float, "batch", "sequence", Vocabulary)
            .Constant("embedding", Draw(Vocabulary * Width, 1), Vocabulary, Width)
            .Constant("places", Draw(context * Width, 1), context, Width)
            .Stored("head", Draw(Width * Vocabulary, 0.25), Width, Vocabulary) // small, as tests compare logits to an absolute 1e-5
            .Constant("one", 1).Constant("two", 2).Constant("rows", -1, Width).Constant("rest", -1)
            .Node("Shape", ["input_ids"], ["batch and sequence"])
            .Node("Concat", ["batch and sequence", "rest"], ["routing shape"], ("axis", 0))
            .Node("Gather", ["embedding", "input_ids"], ["token"])
            .Node("Gather", ["places", "position_ids"], ["place"])
            .Node("Add", ["token", "place"], ["x0"]);
        Remember(graph, 0, "x0", "x1");
        Route(graph, "0", "x1", "x2", Draw, codes);
        Remember(graph, 1, "x2", "x3");
        graph.Constant("dense", Draw(Width * Width, 0.5), Width, Width).Node("MatMul", ["x3", "dense"], ["x4"]);
        Remember(graph, 2, "x4", "x5");
        Route(graph, "2", "x5", "x6", Draw, codes);
        Route(graph, "2.1", "x6", "x7", Draw, codes);
        graph.Node("MatMul", ["x7", "head"], ["logits"]).Save(Path.Combine(folder, "model.onnx"));

        var manifest = TinyModel.Manifest(context, [.. Layers.Select(layer => new MoeLayerSizes(layer.Layer, Experts, 2, Hidden, true, Width, 1, 1) { Iterations = layer.Layer == 2 ? 2 : 1 })]);
        (manifest with
        {
            ActiveExperts = new(1, Experts, 2, []),
            LanguageModel = new LanguageModelSizes(Vocabulary, context, 3, Width, 1, 1, Width, ByteTokenizer.Name, 256),
            Exports = [new ExportRecord(target, "fp32", "model.onnx", [])],
        }).WithFiles(folder, "model.onnx", "model.onnx.data").Save(folder);
    }

    /// <summary>A plan that puts each expert on a random device, every device holding some, and so many copies a layer on others.</summary>
    public static PlacementPlan Plan(int devices, int copies, int seed) => Plan(devices, copies, seed, [.. Layers.Select(layer => layer.Layer)]);

    /// <summary>The same for another model whose layers have as many experts.</summary>
    public static PlacementPlan Plan(int devices, int copies, int seed, params int[] layers)
    {
        var random = new Random(seed);
        PlacedLayer Layer(int number)
        {
            var experts = Enumerable.Range(0, Experts).ToArray();
            random.Shuffle(experts);
            var held = Enumerable.Range(0, devices).Select(_ => new SortedSet<int>()).ToArray();
            for (var i = 0; i < Experts; i++)
                held[i < devices ? i : random.Next(devices)].Add(experts[i]);
            for (var copy = 0; copy < copies; copy++)
            {
                var expert = random.Next(Experts);
                var others = held.Where(device => !device.Contains(expert)).ToArray();
                if (others.Length > 0)
                    others[random.Next(others.Length)].Add(expert);
            }
            return new(number, Experts, [.. held.Select(device => device.ToArray())]);
        }
        return new(PlacementPlan.CurrentFormat, $"random {seed}", new("tiny", "", "test", "", 0, "test"), [.. Enumerable.Repeat(new PlacedDevice("node", 0, 0), devices)], [.. layers.Select(Layer)]);
    }

    /// <summary>What stands for attention: the sum of all tokens so far, through a cache.</summary>
    private static void Remember(OnnxGraph graph, int layer, string from, string to) => graph
        .Input($"past_key_values.{layer}.key", DataType.Float, "batch", "past", Width)
        .Output($"present.{layer}.key", DataType.Float, "batch", "total", Width)
        .Node("Concat", [$"past_key_values.{layer}.key", from], [$"present.{layer}.key"], ("axis", 1))
        .Node("ReduceSum", [$"past_key_values.{layer}.key", "one"], [$"before {layer}"])
        .Node("CumSum", [from, "one"], [$"here {layer}"])
        .Node("Add", [$"before {layer}", $"here {layer}"], [$"history {layer}"])
        .Node("Sin", [$"history {layer}"], [$"mixed {layer}"])
        .Node("Add", [from, $"mixed {layer}"], [$"sum {layer}"])
        .Node("Tanh", [$"sum {layer}"], [to]);

    /// <summary>Router, experts and a shared one. The second pass of a layer has a router of its own and the same experts.</summary>
    private static void Route(OnnxGraph graph, string site, string from, string to, Func<int, double, float[]> draw, bool codes)
    {
        var bank = site.Split('.')[0];
        string[] stacks = [$"up {bank}", $"down {bank}", $"gate {bank}"];
        if (site == bank)
        {
            foreach (var (stack, depth, width) in stacks.Zip([Width, Hidden, Width], [Hidden, Width, Hidden]))
            {
                var weights = draw(Experts * depth * width, 0.5);
                if (codes)
                    graph.StoredCodes(stack, Array.ConvertAll(weights, weight => (sbyte)(weight * 254)), Experts, depth, width).Stored($"{stack} scales", [.. Enumerable.Repeat(1f / 256, Experts * width)], Experts, 1, width);
                else
                    graph.Stored(stack, weights, Experts, depth, width);
            }
        }
        graph
            .Output($"routing.{site}.indices", DataType.Int64, "batch", "sequence", "K")
            .Output($"routing.{site}.weights", DataType.Float, "batch", "sequence", "K")
            .Constant($"router {site}", draw(Width * Experts, 1), Width, Experts)
            .Constant($"shared {site}", draw(Width * Width, 0.5), Width, Width)
            .Node("Reshape", [from, "rows"], [$"rows {site}"])
            .Node("MatMul", [$"rows {site}", $"router {site}"], [$"scores {site}"])
            .Node("Softmax", [$"scores {site}"], [$"probabilities {site}"])
            .Node("TopK", [$"probabilities {site}", ActiveExperts.Input], [$"weights {site}", $"indices {site}"])
            .Node("Reshape", [$"indices {site}", "routing shape"], [$"routing.{site}.indices"])
            .Node("Reshape", [$"weights {site}", "routing shape"], [$"routing.{site}.weights"])
            .GroupedFfn($"experts {site}", [$"rows {site}", $"indices {site}", $"weights {site}", .. codes ? stacks.SelectMany(stack => new[] { stack, $"{stack} scales" }) : stacks], $"routed {site}")
            .Node("MatMul", [$"rows {site}", $"shared {site}"], [$"always {site}"])
            .Node("Add", [$"routed {site}", $"always {site}"], [$"y {site}"])
            .Node("Shape", [from], [$"shape {site}"])
            .Node("Reshape", [$"y {site}", $"shape {site}"], [$"z {site}"])
            .Node("Add", [from, $"z {site}"], [to]);
    }
}
