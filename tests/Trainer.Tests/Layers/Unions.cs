using OnnxMoe.Artifacts.Manifests;
using OnnxMoe.Artifacts.Tensors;
using OnnxMoe.Trainer.Backbones;
using OnnxMoe.Trainer.Conversions;
using OnnxMoe.Trainer.Layers;
using OnnxMoe.Trainer.Ops;
using static TorchSharp.torch;

namespace OnnxMoe.Trainer.Tests.Layers;

/// <summary>Small unions of experts and the dense models that they are cut from.</summary>
internal static class Unions
{
    public const int Size = 16, Heads = 4, Length = 8, Features = 3, Classes = 5, Vocabulary = 11;

    public static readonly TorchOps Torch = new(training: false);

    /// <summary>Two dense blocks.</summary>
    public static ModelOptions Dense(string backbone, string activation = "gelu", bool gated = false) => new()
    {
        Backbone = backbone,
        Layers = 2,
        FirstDenseLayers = 2,
        HiddenSize = Size,
        Heads = Heads,
        ContextLength = Length,
        DenseHidden = 24,
        Activation = activation,
        Gated = gated,
        FfnBias = true,
        InitialDeviation = 0.3,
    };

    /// <summary>The same blocks as 4 slices and 4 heads, of which all are selected unless <paramref name="change"/> says otherwise.</summary>
    public static ModelOptions Union(ModelOptions dense, string selection, Action<ModelOptions>? change = null)
    {
        var options = Dense(dense.Backbone, dense.Activation, dense.Gated);
        (options.FirstDenseLayers, options.Experts, options.ExpertsPerToken, options.ExpertHidden, options.SharedExperts) = (0, 4, 4, 6, 0);
        (options.Router.Selection, options.Router.WeightRule, options.HeadRouting.HeadsPerToken) = (selection, "sum", Heads);
        (options.Router.Patches.Capacity, options.HeadRouting.Capacity) = (1, 1);
        change?.Invoke(options);
        options.Check();
        return options;
    }

    public static EncoderClassifier Encoder(ModelOptions options, long seed = 1) => new(options, new ClassifierSizes(Features, Length, Classes), seed);

    /// <summary>Both models with the dense one's weights, biases random.</summary>
    public static (Model Dense, Model Union) Pair(ModelOptions dense, ModelOptions union)
    {
        Model from = dense.Backbone == ModelOptions.Encoder ? Encoder(dense) : new DecoderLm(dense, Vocabulary, 1);
        Model to = dense.Backbone == ModelOptions.Encoder ? Encoder(union, 2) : new DecoderLm(union, Vocabulary, 2);
        using (no_grad())
        {
            var random = new Generator(5);
            foreach (var bias in from.Weights.Where(weight => weight.Name.EndsWith("_bias", StringComparison.Ordinal)))
                bias.Parameter.copy_(randn(bias.Shape, generator: random));
        }
        DecomposeIntoUnion.Copy(from, to, "dense");
        return (from, to);
    }

    /// <summary>Inputs of 3 rows; the last row is padded behind <paramref name="real"/> positions.</summary>
    public static Dictionary<string, Value> Inputs(Model model, int real = Length, int seed = 3)
    {
        var mask = Enumerable.Range(0, 3 * Length).Select(i => i / Length < 2 || i % Length < real ? 1L : 0L).ToArray();
        if (model is EncoderClassifier)
            return new() { ["features"] = Some.Normal(Torch, seed, 3, Length, Features), ["attention_mask"] = Torch.Constant(HostTensor.From(mask, 3, Length)) };
        var inputs = new Dictionary<string, Value>
        {
            ["input_ids"] = Torch.Constant(HostTensor.From(Enumerable.Range(0, 3 * Length).Select(i => (long)(i * 7 % Vocabulary)).ToArray(), 3, Length)),
            ["position_ids"] = Torch.Constant(HostTensor.From(Enumerable.Range(0, 3 * Length).Select(i => (long)(i % Length)).ToArray(), 3, Length)),
            ["attention_mask"] = Torch.Constant(HostTensor.From(mask, 3, Length)),
        };
        foreach (var cache in model.Inputs.Where(spec => CacheInput.Is(spec.Name)).Select(spec => new CacheInput(spec.Name, spec.Type, spec.Dimensions)))
            inputs[cache.Name] = Torch.Constant(new HostTensor(cache.Type, cache.EmptyShape(3), []));
        return inputs;
    }

    /// <summary>A context of whole sequences at positions 0, 1, ..., as the backbones set it.</summary>
    public static ForwardContext Context(OpSet ops, int batch, long[]? mask = null)
    {
        var table = new RotaryTable(Length, Size / Heads, 10000);
        return new ForwardContext(ops)
        {
            Attention = new AttentionInput(ops.Constant(HostTensor.From(Enumerable.Range(0, batch * Length).Select(i => (long)(i % Length)).ToArray(), batch, Length)),
                mask is null ? null : ops.Constant(HostTensor.From(mask, batch, Length)), ops.Constant(table.Cos), ops.Constant(table.Sin)),
        };
    }

    public static void Close(Value expected, Value actual, double tolerance = 1e-5) => Close(Some.Floats(expected), Some.Floats(actual), tolerance);

    public static void Close(float[] expected, float[] actual, double tolerance = 1e-5)
    {
        Assert.Equal(expected.Length, actual.Length);
        var scale = Math.Max(1, expected.Max(Math.Abs));
        for (var i = 0; i < expected.Length; i++)
            Assert.True(Math.Abs(expected[i] - actual[i]) <= tolerance * scale, $"element {i}: expected {expected[i]}, got {actual[i]}");
    }
}
