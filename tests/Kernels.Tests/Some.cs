using OnnxMoe.Artifacts.Tensors;

namespace OnnxMoe.Kernels.Tests;

/// <summary>Random tensors from a seed.</summary>
internal sealed class Some(int seed)
{
    private readonly Random _random = new(seed);

    public HostTensor Floats(double scale, params long[] shape)
    {
        var values = new float[shape.Aggregate(1L, (a, b) => a * b)];
        for (var i = 0; i < values.Length; i++)
            values[i] = (float)((_random.NextDouble() * 2 - 1) * scale);
        return HostTensor.From(values, shape);
    }

    /// <summary>Experts 0..experts-1 and, now and then, -1.</summary>
    public HostTensor Indices(int experts, double none, params long[] shape)
    {
        var values = new long[shape.Aggregate(1L, (a, b) => a * b)];
        for (var i = 0; i < values.Length; i++)
            values[i] = _random.NextDouble() < none ? -1 : _random.Next(experts);
        return HostTensor.From(values, shape);
    }

    public static HostTensor Halves(HostTensor floats) =>
        HostTensor.From(Array.ConvertAll(floats.AsSpan<float>().ToArray(), v => (Half)v), floats.Shape);
}
