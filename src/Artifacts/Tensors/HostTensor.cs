using System.Runtime.InteropServices;

namespace OnnxMoe.Artifacts.Tensors;

/// <summary>
/// A tensor in ordinary memory: row-major, little-endian bytes. What the stages and files exchange; it computes nothing.
/// </summary>
public sealed class HostTensor
{
    /// <param name="type">Element type; not <see cref="ElementType.String"/>.</param>
    /// <param name="shape">Sizes of the dimensions; empty for a scalar.</param>
    /// <param name="data">Exactly as many bytes as the shape needs.</param>
    public HostTensor(ElementType type, long[] shape, byte[] data)
    {
        var expected = checked((int)(Product(shape) * type.Size()));
        if (data.Length != expected)
            throw new ArgumentException($"A {type} tensor of shape [{string.Join(",", shape)}] has {expected} bytes, not {data.Length}.");
        (Type, Shape, Data) = (type, shape, data);
    }

    public ElementType Type { get; }

    public long[] Shape { get; }

    /// <summary>The elements as bytes, row-major, little-endian.</summary>
    public byte[] Data { get; }

    /// <summary>Number of elements.</summary>
    public long Count => Product(Shape);

    /// <summary>The elements, without a copy. Throws when <typeparamref name="T"/> is not the element type's C# type.</summary>
    public Span<T> AsSpan<T>() where T : unmanaged
    {
        if (ElementTypes.Of<T>() != Type)
            throw new InvalidOperationException($"The tensor holds {Type}, not {ElementTypes.Of<T>()}.");
        return MemoryMarshal.Cast<byte, T>(Data.AsSpan());
    }

    /// <summary>A copy of <paramref name="values"/> in the given shape (default: one dimension).</summary>
    public static HostTensor From<T>(ReadOnlySpan<T> values, params long[] shape) where T : unmanaged =>
        new(ElementTypes.Of<T>(), shape.Length == 0 && values.Length != 1 ? [values.Length] : shape, MemoryMarshal.AsBytes(values).ToArray());

    /// <inheritdoc cref="From{T}(ReadOnlySpan{T}, long[])"/>
    public static HostTensor From<T>(T[] values, params long[] shape) where T : unmanaged => From((ReadOnlySpan<T>)values, shape);

    /// <summary>A tensor without dimensions.</summary>
    public static HostTensor Scalar<T>(T value) where T : unmanaged => From([value], []);

    /// <summary>A one-dimensional tensor, also for a single value (which <see cref="From{T}(T[], long[])"/> would make a scalar).</summary>
    public static HostTensor Vector<T>(params T[] values) where T : unmanaged => From(values, values.Length);

    /// <summary>All elements as 64-bit integers; for shapes, axes and indices of any integer type.</summary>
    public long[] ToInt64() => Type switch
    {
        ElementType.Int64 => AsSpan<long>().ToArray(),
        ElementType.Int32 => Array.ConvertAll(AsSpan<int>().ToArray(), v => (long)v),
        ElementType.Int16 => Array.ConvertAll(AsSpan<short>().ToArray(), v => (long)v),
        ElementType.Int8 => Array.ConvertAll(AsSpan<sbyte>().ToArray(), v => (long)v),
        ElementType.UInt64 => Array.ConvertAll(AsSpan<ulong>().ToArray(), v => (long)Math.Min(v, long.MaxValue)),
        ElementType.UInt32 => Array.ConvertAll(AsSpan<uint>().ToArray(), v => (long)v),
        ElementType.UInt16 => Array.ConvertAll(AsSpan<ushort>().ToArray(), v => (long)v),
        ElementType.UInt8 => Array.ConvertAll(AsSpan<byte>().ToArray(), v => (long)v),
        ElementType.Bool => Array.ConvertAll(AsSpan<bool>().ToArray(), v => v ? 1L : 0L),
        _ => throw new InvalidOperationException($"A tensor of {Type} does not hold integers."),
    };

    public override string ToString() => $"{Type}[{string.Join(",", Shape)}]";

    private static long Product(long[] shape)
    {
        long product = 1;
        foreach (var size in shape)
            product = checked(product * size);
        return product;
    }
}
