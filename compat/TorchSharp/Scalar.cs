namespace TorchSharp;

/// <summary>A number that an operator takes, with the element type it was made from.</summary>
public sealed class Scalar : IDisposable
{
    private readonly double _real;

    private Scalar(torch.ScalarType type, long integer, double real)
    {
        Type = type;
        Integer = integer;
        _real = real;
    }

    public torch.ScalarType Type { get; }

    internal bool IsInteger => torch.is_integral(Type) || Type == torch.ScalarType.Bool;

    /// <summary>The value of an integer or a truth value.</summary>
    internal long Integer { get; }

    internal double Real => IsInteger ? Integer : _real;

    public static implicit operator Scalar(byte value) => Whole(torch.ScalarType.Byte, value);

    public static implicit operator Scalar(sbyte value) => Whole(torch.ScalarType.Int8, value);

    public static implicit operator Scalar(short value) => Whole(torch.ScalarType.Int16, value);

    public static implicit operator Scalar(int value) => Whole(torch.ScalarType.Int32, value);

    public static implicit operator Scalar(long value) => Whole(torch.ScalarType.Int64, value);

    public static implicit operator Scalar(Half value) => Fraction(torch.ScalarType.Float16, (double)value);

    public static implicit operator Scalar(float value) => Fraction(torch.ScalarType.Float32, value);

    public static implicit operator Scalar(double value) => Fraction(torch.ScalarType.Float64, value);

    public static implicit operator Scalar(bool value) => Whole(torch.ScalarType.Bool, value ? 1 : 0);

    /// <summary>Does nothing: this lane keeps the number in managed memory.</summary>
    public void Dispose()
    {
    }

    internal static Scalar Whole(torch.ScalarType type, long value) => new(type, value, 0);

    internal static Scalar Fraction(torch.ScalarType type, double value) => new(type, 0, value);
}
