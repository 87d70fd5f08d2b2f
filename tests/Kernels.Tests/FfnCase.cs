using OnnxMoe.Artifacts.Tensors;

namespace OnnxMoe.Kernels.Tests;

/// <summary>Sizes and variant of a GroupedFfn, with random tensors for it and the plain loop that says what is right.</summary>
internal sealed record FfnCase
{
    public int T { get; init; } = 5;
    public int K { get; init; } = 2;
    public int E { get; init; } = 4;
    public int D { get; init; } = 19;
    public int F { get; init; } = 37;
    public string Activation { get; init; } = "silu";
    public bool Gated { get; init; } = true;
    public bool UpBias { get; init; }
    public bool DownBias { get; init; }
    public bool GateBias { get; init; }
    public bool Half { get; init; }

    /// <summary>Share of picks that are -1.</summary>
    public double None { get; init; } = 0.2;

    public int Seed { get; init; } = 1;

    /// <summary>The inputs in the op's order; null: left out.</summary>
    public (string Name, HostTensor? Tensor)[] Inputs()
    {
        var some = new Some(Seed);
        HostTensor Matrix(long depth, long width)
        {
            var matrix = some.Floats(1 / Math.Sqrt(depth), E, depth, width);
            return Half ? Some.Halves(matrix) : matrix;
        }
        return
        [
            ("x", some.Floats(2, T, D)), ("indices", some.Indices(E, None, T, K)), ("weights", some.Floats(1, T, K)),
            ("up", Matrix(D, F)), ("down", Matrix(F, D)), ("gate", Gated ? Matrix(D, F) : null),
            ("up_bias", UpBias ? some.Floats(1, E, F) : null), ("down_bias", DownBias ? some.Floats(1, E, D) : null),
            ("gate_bias", GateBias ? some.Floats(1, E, F) : null),
        ];
    }

    /// <summary>The op by its definition, token by token, in double precision.</summary>
    public static double[] Reference((string Name, HostTensor? Tensor)[] inputs, string activation)
    {
        double[]? Values(int i) => inputs[i].Tensor is not { } t ? null
            : t.Type == ElementType.Float16 ? Array.ConvertAll(t.AsSpan<System.Half>().ToArray(), v => (double)v)
            : Array.ConvertAll(t.AsSpan<float>().ToArray(), v => (double)v);
        var indices = inputs[1].Tensor!;
        double[] x = Values(0)!, weights = Values(2)!, up = Values(3)!, down = Values(4)!;
        double[]? gate = Values(5), upBias = Values(6), downBias = Values(7), gateBias = Values(8);
        long tokens = indices.Shape[0], picks = indices.Shape[1], width = inputs[0].Tensor!.Shape[1], hiddenWidth = inputs[3].Tensor!.Shape[2];
        var y = new double[tokens * width];
        for (long t = 0; t < tokens; t++)
            for (long k = 0; k < picks; k++)
            {
                var e = indices.AsSpan<long>()[(int)(t * picks + k)];
                if (e < 0)
                    continue;
                var hidden = new double[hiddenWidth];
                for (long f = 0; f < hiddenWidth; f++)
                {
                    double u = upBias?[e * hiddenWidth + f] ?? 0, g = gateBias?[e * hiddenWidth + f] ?? 0;
                    for (long d = 0; d < width; d++)
                    {
                        u += x[t * width + d] * up[(e * width + d) * hiddenWidth + f];
                        g += gate is null ? 0 : x[t * width + d] * gate[(e * width + d) * hiddenWidth + f];
                    }
                    hidden[f] = gate is null ? Scalar.Activate(activation, u) : Scalar.Activate(activation, g) * u;
                }
                for (long d = 0; d < width; d++)
                {
                    var sum = downBias?[e * width + d] ?? 0;
                    for (long f = 0; f < hiddenWidth; f++)
                        sum += hidden[f] * down[(e * hiddenWidth + f) * width + d];
                    y[t * width + d] += weights[t * picks + k] * sum;
                }
            }
        return y;
    }
}
