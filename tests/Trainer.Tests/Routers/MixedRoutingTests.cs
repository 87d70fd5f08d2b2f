using OnnxMoe.Artifacts.Tensors;
using OnnxMoe.Trainer.Backbones;
using OnnxMoe.Trainer.Ops;

namespace OnnxMoe.Trainer.Tests.Routers;

/// <summary>Whole models whose tokens route by related tokens (Graph of Tokens, arXiv 2505.00792): no look ahead, no other sequence, caches.</summary>
public class MixedRoutingTests
{
    private const int Vocabulary = 11;
    private static readonly TorchOps Ops = new(training: false);
    private static readonly long[] Ids = [3, 1, 4, 1, 5, 9, 2, 6, 5, 3];

    public static TheoryData<string, string> Kinds => new() { { "similarity", "posterior" }, { "attention", "posterior" }, { "attention", "mean" } };

    [Theory]
    [MemberData(nameof(Kinds))]
    public void ALaterTokenAndAnotherSequenceChangeNothing(string kind, string heads)
    {
        var model = Model(kind, heads);
        long[] other = [7, 8, 9, 10, 0, 1, 2, 3, 4, 5];
        var before = Run(model, [Ids, other]);
        for (var changed = 1; changed < Ids.Length; changed++)
        {
            var ids = Ids.ToArray();
            ids[changed] = (ids[changed] + 1) % Vocabulary;
            var after = Run(model, [ids, [.. other.Reverse()]]);
            foreach (var (name, value) in before.Where(output => output.Key.StartsWith("routing.", StringComparison.Ordinal) || output.Key == "logits"))
                Same(Start(value, changed), Start(after[name], changed), 1e-6);
            Assert.NotEqual(Some.Floats(before["logits"]), Some.Floats(after["logits"]));
        }

        // The first tokens of the first sequence.
        static Value Start(Value all, int tokens) => all.Slice(0, 0, 1).Slice(1, 0, tokens);
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void LeftPaddingChangesNothing(string kind, string heads)
    {
        var model = Model(kind, heads);
        var alone = Run(model, [Ids]);
        var padded = model.Run(Ops, Feed(model, [[0, 0, 0, .. Ids]], [3], null));
        foreach (var name in new[] { "logits", "routing.0.indices", "routing.0.weights", "routing.2.indices", "routing.2.weights" })
            Same(alone[name], padded[name].Slice(1, 3, 3 + Ids.Length), 1e-5);
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void TokenByTokenThroughTheCachesIsOnePass(string kind, string heads)
    {
        var model = Model(kind, heads);
        var caches = model.Inputs.Select(input => input.Name).Where(name => name.Contains(".router_", StringComparison.Ordinal)).Order();
        Assert.Equal(Enumerable.Range(0, 3).SelectMany(i => kind == "similarity" ? [$"past_key_values.{i}.router_probabilities", $"past_key_values.{i}.router_tokens"] : new[] { $"past_key_values.{i}.router_probabilities" }), caches);

        long[][] rows = [Ids, [.. Ids.Reverse()]];
        var whole = Run(model, rows);
        IReadOnlyDictionary<string, Value>? step = null;
        foreach (var (start, end) in new[] { (0, 4), (4, 5), (5, 6), (6, 9), (9, 10) })
        {
            step = model.Run(Ops, Feed(model, [.. rows.Select(row => row[start..end])], [0, 0], step, start));
            foreach (var name in new[] { "logits", "routing.0.indices", "routing.1.indices", "routing.2.indices", "routing.2.weights" })
                Same(whole[name].Slice(1, start, end), step[name], 1e-4);
        }
    }

    private static DecoderLm Model(string kind, string heads)
    {
        var options = Some.SmallModel();
        (options.Layers, options.FirstDenseLayers, options.SharedExperts, options.Router.WeightRule) = (3, 0, 0, "renormalized");
        (options.Router.Mixer.Kind, options.Router.Mixer.Heads, options.Router.Mixer.Temperature) = (kind, heads, 3);
        options.Check();
        return new DecoderLm(options, Vocabulary, seed: 2);
    }

    private static IReadOnlyDictionary<string, Value> Run(DecoderLm model, long[][] rows) => model.Run(Ops, Feed(model, rows, new int[rows.Length], null));

    private static Dictionary<string, Value> Feed(DecoderLm model, long[][] rows, int[] padding, IReadOnlyDictionary<string, Value>? previous, int past = 0)
    {
        var (batch, length) = (rows.Length, rows[0].Length);
        var inputs = new Dictionary<string, Value>
        {
            ["input_ids"] = Tensor([.. rows.SelectMany(row => row)], batch, length),
            ["position_ids"] = Tensor([.. padding.SelectMany(pad => Enumerable.Range(past, length).Select(p => Math.Max(0L, p - pad)))], batch, length),
            ["attention_mask"] = Tensor([.. padding.SelectMany(pad => Enumerable.Range(0, past + length).Select(p => p < pad ? 0L : 1L))], batch, past + length),
        };
        foreach (var spec in model.Inputs.Where(input => input.Name.StartsWith("past_key_values.", StringComparison.Ordinal)))
        {
            inputs[spec.Name] = previous?[spec.Name.Replace("past_key_values", "present")]
                ?? Ops.Constant(HostTensor.From(Array.Empty<float>(), [.. spec.Dimensions.Select(d => d == "batch" ? batch : d == "past" ? 0 : long.Parse(d))]));
        }
        return inputs;
    }

    private static Value Tensor(long[] values, int rows, int columns) => Ops.Constant(HostTensor.From(values, rows, columns));

    private static void Same(Value expected, Value actual, double tolerance)
    {
        if (expected.Type == ElementType.Int64)
        {
            Assert.Equal(Some.Longs(expected), Some.Longs(actual));
            return;
        }
        foreach (var (a, b) in Some.Floats(expected).Zip(Some.Floats(actual)))
            Assert.Equal(a, b, tolerance);
    }
}
