using OnnxMoe.Artifacts.Tensors;

namespace OnnxMoe.Bench.Kernels;

/// <summary>One step of attention: the last <paramref name="Tokens"/> of <paramref name="Context"/> tokens, of so many equal sequences.</summary>
internal sealed record AttentionWork(int Sequences, int Context, int Tokens)
{
    public const int Heads = 8;
    public const int Size = 64;
    public const int Width = Heads * Size;

    /// <summary>Elements of keys, and of values, in a cache.</summary>
    public int CacheElements => Sequences * Context * Width;

    /// <summary>Bytes of keys and values in float.</summary>
    public double CacheBytes => 8.0 * CacheElements;

    /// <summary>Caches in rotation, as a model has one a layer: more than fits into the processor's caches, or 8.</summary>
    public int Layers => Math.Clamp((int)(1e8 / CacheBytes), 1, 8);

    /// <summary>Of the products with the keys and the values that a token may see.</summary>
    public double Flops => 4.0 * Width * Sequences * Enumerable.Range(Context - Tokens + 1, Tokens).Sum(seen => (double)seen);

    /// <summary>The same for all contenders: [Sequences, Tokens, Width].</summary>
    public HostTensor Rows(int seed) => Floats(seed, Sequences, Tokens, Width);

    /// <summary>Cosines or sines of the rotation, [Context, Size / 2].</summary>
    public HostTensor Table(Func<double, double> function)
    {
        var values = from row in Enumerable.Range(0, Context) from i in Enumerable.Range(0, Size / 2) select (float)function(row * Math.Pow(1e4, -2.0 * i / Size));
        return HostTensor.From(values.ToArray(), Context, Size / 2);
    }

    private static HostTensor Floats(int seed, params long[] shape)
    {
        var random = new Random(seed);
        var values = new float[shape.Aggregate(1L, (a, b) => a * b)];
        for (var i = 0; i < values.Length; i++)
            values[i] = (float)(random.NextDouble() * 2 - 1);
        return HostTensor.From(values, shape);
    }
}
