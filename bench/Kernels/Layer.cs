using OnnxMoe.Artifacts.Tensors;

namespace OnnxMoe.Bench.Kernels;

/// <summary>Random weights of one routed layer: SwiGLU experts without biases.</summary>
internal sealed class Layer
{
    private readonly Random _random = new(7);

    public Layer(int width, int hidden, int experts, int picks)
    {
        (Width, Hidden, Experts, Picks) = (width, hidden, experts, picks);
        Up = Floats(1 / Math.Sqrt(width), experts, width, hidden);
        Gate = Floats(1 / Math.Sqrt(width), experts, width, hidden);
        Down = Floats(1 / Math.Sqrt(hidden), experts, hidden, width);
    }

    public int Width { get; }
    public int Hidden { get; }
    public int Experts { get; }
    public int Picks { get; }

    /// <summary>[E, D, F]</summary>
    public HostTensor Up { get; }

    /// <summary>[E, D, F]</summary>
    public HostTensor Gate { get; }

    /// <summary>[E, F, D]</summary>
    public HostTensor Down { get; }

    /// <summary>
    /// Tokens with router logits, and the same routing decided: the highest logits' experts and their softmax.
    /// </summary>
    public Dictionary<string, HostTensor> Batch(int tokens)
    {
        var logits = Floats(1, tokens, Experts);
        var (indices, weights) = (new long[tokens * Picks], new float[tokens * Picks]);
        for (var t = 0; t < tokens; t++)
        {
            var row = logits.AsSpan<float>().Slice(t * Experts, Experts).ToArray();
            var best = Enumerable.Range(0, Experts).OrderByDescending(e => row[e]).Take(Picks).ToArray();
            var sum = best.Sum(e => Math.Exp(row[e]));
            for (var k = 0; k < Picks; k++)
                (indices[t * Picks + k], weights[t * Picks + k]) = (best[k], (float)(Math.Exp(row[best[k]]) / sum));
        }
        return new()
        {
            ["x"] = Floats(1, tokens, Width),
            ["logits"] = logits,
            ["indices"] = HostTensor.From(indices, tokens, Picks),
            ["weights"] = HostTensor.From(weights, tokens, Picks),
        };
    }

    private HostTensor Floats(double scale, params long[] shape)
    {
        var values = new float[shape.Aggregate(1L, (a, b) => a * b)];
        for (var i = 0; i < values.Length; i++)
            values[i] = (float)((_random.NextDouble() * 2 - 1) * scale);
        return HostTensor.From(values, shape);
    }
}
