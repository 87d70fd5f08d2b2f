using System.Text;

namespace TorchSharp.Native;

/// <summary>One argument of an ATen operator. Null stands for an omitted optional argument.</summary>
internal readonly struct Argument
{
    /// <summary>The default of the operator's schema.</summary>
    internal static readonly Argument Default = new(Tag.Default);

    private readonly Tag _tag;
    private readonly long _bits;
    private readonly object? _reference;

    private Argument(Tag tag, long bits = 0, object? reference = null) => (_tag, _bits, _reference) = (tag, bits, reference);

    /// <summary>The number of 8-byte words that <see cref="Write"/> needs for the elements of a list.</summary>
    internal int Words => _reference switch
    {
        Array a => a.Length,
        string s => Encoding.UTF8.GetByteCount(s) / sizeof(long) + 1,
        _ => 0,
    };

    /// <summary>The tensor that this argument holds.</summary>
    internal torch.Tensor Tensor => (torch.Tensor)_reference!;

    public static implicit operator Argument(torch.Tensor? value) =>
        value is null ? default : new(Tag.Tensor, value.Handle, value);

    public static implicit operator Argument(long value) => new(Tag.Int, value);

    public static implicit operator Argument(long? value) => value is { } v ? new(Tag.Int, v) : default;

    public static implicit operator Argument(double value) => new(Tag.Double, BitConverter.DoubleToInt64Bits(value));

    public static implicit operator Argument(double? value) => value is { } v ? (Argument)v : default;

    public static implicit operator Argument(bool value) => new(Tag.Bool, value ? 1 : 0);

    public static implicit operator Argument(torch.ScalarType value) => new(Tag.Int, (long)value);

    public static implicit operator Argument(torch.ScalarType? value) => value is { } v ? (Argument)v : default;

    public static implicit operator Argument(long[]? value) => value is null ? default : new(Tag.Ints, 0, value);

    public static implicit operator Argument(ReadOnlySpan<long> value) => new(Tag.Ints, 0, value.ToArray());

    public static implicit operator Argument(double[]? value) => value is null ? default : new(Tag.Doubles, 0, value);

    public static implicit operator Argument(torch.Tensor?[] value) => new(Tag.Tensors, 0, value);

    public static implicit operator Argument(string? value) => value is null ? default : new(Tag.String, 0, value);

    public static implicit operator Argument(Scalar? value) =>
        value is null ? default
        : value.IsInteger ? new Argument(value.Type == torch.ScalarType.Bool ? Tag.Bool : Tag.Int, value.Integer)
        : (Argument)value.Real;

    public static implicit operator Argument(torch.Device? value) =>
        value is null ? default : new(Tag.Device, (long)value.type | (long)value.index << 32);

    public static implicit operator Argument(torch.Generator? value) =>
        value is null ? default : new(Tag.Generator, value.Handle, value);

    /// <summary>Writes the native form; the elements of a list go to <paramref name="words"/>.</summary>
    internal unsafe void Write(NativeArgument* native, long* words)
    {
        native->Tag = _tag;
        native->Count = 0;
        native->Integer = _bits;
        switch (_reference)
        {
            case long[] ints:
                ints.CopyTo(new Span<long>(words, ints.Length));
                native->Count = ints.Length;
                native->Pointer = words;
                break;
            case double[] doubles:
                doubles.CopyTo(new Span<double>(words, doubles.Length));
                native->Count = doubles.Length;
                native->Pointer = words;
                break;
            case torch.Tensor?[] tensors:
                for (var i = 0; i < tensors.Length; i++)
                    words[i] = tensors[i]?.Handle ?? 0;
                native->Count = tensors.Length;
                native->Pointer = words;
                break;
            case string text:
                native->Count = Encoding.UTF8.GetBytes(text, new Span<byte>(words, Words * sizeof(long)));
                native->Pointer = words;
                break;
        }
    }
}
