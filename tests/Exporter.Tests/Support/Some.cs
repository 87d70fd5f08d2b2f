using System.Runtime.InteropServices;
using OnnxMoe.Artifacts;
using OnnxMoe.Artifacts.Manifests;
using OnnxMoe.Artifacts.Tensors;
using OnnxMoe.Trainer.Backbones;

namespace OnnxMoe.Exporter.Tests.Support;

/// <summary>Small models and inputs for tests.</summary>
internal static class Some
{
    public const int Vocabulary = 50;

    /// <summary>Options of a language model of two routed layers that exports in milliseconds.</summary>
    public static ModelOptions Options(Action<ModelOptions>? change = null)
    {
        var options = new ModelOptions
        {
            Layers = 2,
            HiddenSize = 64,
            Heads = 4,
            KvHeads = 2,
            ContextLength = 64,
            Experts = 6,
            ExpertsPerToken = 2,
            ExpertHidden = 24,
            SharedExperts = 1,
            InitialDeviation = 0.2,
        };
        change?.Invoke(options);
        options.Check();
        return options;
    }

    /// <summary>A language model with random weights.</summary>
    public static DecoderLm Model(Action<ModelOptions>? change = null, long seed = 7) => new(Options(change), Vocabulary, seed);

    /// <summary>Random token ids.</summary>
    public static long[] Tokens(int count, int seed = 1)
    {
        var random = new Random(seed);
        return [.. Enumerable.Range(0, count).Select(_ => (long)random.Next(Vocabulary))];
    }

    /// <summary>Expert numbers of which some are -1.</summary>
    public static HostTensor Indices(Random random, int experts, double none, params long[] shape)
    {
        var values = new long[shape.Aggregate(1L, (n, size) => n * size)];
        for (var i = 0; i < values.Length; i++)
            values[i] = random.NextDouble() < none ? -1 : random.Next(experts);
        return Tensor(values, shape);
    }

    /// <summary>A manifest as training leaves it.</summary>
    public static ModelManifest Manifest() =>
        new(ModelManifest.CurrentFormat, "some", ModelManifest.CausalLanguageModel, DateTimeOffset.UnixEpoch, new ParameterCount(1, 1))
        {
            LanguageModel = new LanguageModelSizes(Vocabulary, 64, 2, 64, 4, 2, 16, "bytes", 0),
        };

    /// <summary>Normally distributed numbers.</summary>
    public static HostTensor Normal(Random random, params long[] shape)
    {
        var values = new float[shape.Aggregate(1L, (n, size) => n * size)];
        for (var i = 0; i < values.Length; i++)
            values[i] = (float)(Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble()));
        return Tensor(values, shape);
    }

    /// <summary>The values in exactly this shape, which may have no dimensions or none of a size above zero.</summary>
    public static HostTensor Tensor<T>(T[] values, params long[] shape) where T : unmanaged =>
        new(ElementTypes.Of<T>(), shape, MemoryMarshal.AsBytes<T>(values).ToArray());
}
