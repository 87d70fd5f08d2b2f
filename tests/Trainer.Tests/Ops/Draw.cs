using OnnxMoe.Artifacts.Tensors;

namespace OnnxMoe.Trainer.Tests.Ops;

/// <summary>Random tensors and shapes, the same for the same seed.</summary>
internal sealed class Draw(int seed)
{
    private readonly Random _random = new(seed);

    public int Below(int limit) => _random.Next(limit);

    public long Between(long low, long high) => _random.NextInt64(low, high + 1);

    public bool Flip() => _random.Next(2) == 1;

    public T Of<T>(params T[] choices) => choices[_random.Next(choices.Length)];

    /// <summary>Sizes 1 to 4, now and then 0.</summary>
    public long[] Shape(int minRank, int maxRank, bool mayBeEmpty = true)
    {
        var shape = new long[Between(minRank, maxRank)];
        for (var i = 0; i < shape.Length; i++)
            shape[i] = mayBeEmpty && Below(25) == 0 ? 0 : Between(1, 4);
        return shape;
    }

    /// <summary>A shape that broadcasts with <paramref name="shape"/>: some dimensions 1, some in front missing.</summary>
    public long[] Broadcast(long[] shape) =>
        [.. shape.Skip(Below(shape.Length + 1)).Select(size => Below(3) == 0 ? 1 : size)];

    public HostTensor Floats(long[] shape, double low = -2, double high = 2, ElementType type = ElementType.Float)
    {
        var values = new double[Count(shape)];
        for (var i = 0; i < values.Length; i++)
            values[i] = low + (high - low) * _random.NextDouble();
        return Numbers(type, shape, values);
    }

    /// <summary>Whole numbers of any element type.</summary>
    public HostTensor Integers(ElementType type, long[] shape, long low, long high)
    {
        var values = new double[Count(shape)];
        for (var i = 0; i < values.Length; i++)
            values[i] = Between(low, high);
        return Numbers(type, shape, values);
    }

    public HostTensor Bools(params long[] shape) => Integers(ElementType.Bool, shape, 0, 1);

    /// <summary>0 .. count-1 in random order.</summary>
    public long[] Permutation(int count)
    {
        var order = Enumerable.Range(0, count).Select(i => (long)i).ToArray();
        _random.Shuffle(order);
        return order;
    }

    /// <summary>An axis of a tensor with that many dimensions, counted from either end.</summary>
    public long Axis(int rank) => Between(-rank, rank - 1);

    public static long Count(long[] shape) => shape.Aggregate(1L, (a, b) => a * b);

    public static HostTensor Numbers(ElementType type, long[] shape, double[] values)
    {
        return type switch
        {
            ElementType.Float => As(v => (float)v),
            ElementType.Double => As(v => v),
            ElementType.Float16 => As(v => (Half)v),
            ElementType.Bool => As(v => v != 0),
            ElementType.UInt8 => As(v => (byte)v),
            ElementType.Int8 => As(v => (sbyte)v),
            ElementType.UInt16 => As(v => (ushort)v),
            ElementType.Int16 => As(v => (short)v),
            ElementType.UInt32 => As(v => (uint)v),
            ElementType.Int32 => As(v => (int)v),
            ElementType.UInt64 => As(v => (ulong)v),
            ElementType.Int64 => As(v => (long)v),
            _ => throw new NotSupportedException(type.ToString()),
        };

        HostTensor As<T>(Func<double, T> convert) where T : unmanaged =>
            new(type, shape, System.Runtime.InteropServices.MemoryMarshal.AsBytes<T>(Array.ConvertAll(values, v => convert(v))).ToArray());
    }
}
