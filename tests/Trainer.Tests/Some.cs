using OnnxMoe.Artifacts.Tensors;
using OnnxMoe.Trainer.Backbones;
using OnnxMoe.Trainer.Ops;

namespace OnnxMoe.Trainer.Tests;

/// <summary>Small inputs for tests; all random ones are seeded.</summary>
internal static class Some
{
    /// <summary>A float tensor of normal numbers.</summary>
    public static Value Normal(OpSet ops, int seed, params long[] shape)
    {
        var random = new Random(seed);
        var values = new float[shape.Aggregate(1L, (a, b) => a * b)];
        for (var i = 0; i < values.Length; i++)
            values[i] = (float)(Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble()));
        return ops.Constant(HostTensor.From(values, shape));
    }

    public static float[] Floats(Value value) => ((TorchValue)value).ToHost().AsSpan<float>().ToArray();

    public static long[] Longs(Value value) => ((TorchValue)value).Integers;

    /// <summary>A model that is small but has dense and routed layers, shared experts and grouped queries.</summary>
    public static ModelOptions SmallModel() => new()
    {
        Layers = 2,
        HiddenSize = 16,
        Heads = 4,
        KvHeads = 2,
        ContextLength = 12,
        FirstDenseLayers = 1,
        Experts = 6,
        ExpertsPerToken = 2,
        ExpertHidden = 8,
        SharedExperts = 1,
        InitialDeviation = 0.3,
    };
}
