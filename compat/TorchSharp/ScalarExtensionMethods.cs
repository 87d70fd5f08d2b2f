namespace TorchSharp;

/// <summary>Conversions to and from <see cref="Scalar"/>.</summary>
public static class ScalarExtensionMethods
{
    public static Scalar ToScalar(this byte value) => value;

    public static Scalar ToScalar(this sbyte value) => value;

    public static Scalar ToScalar(this short value) => value;

    public static Scalar ToScalar(this int value) => value;

    public static Scalar ToScalar(this long value) => value;

    public static Scalar ToScalar(this float value) => value;

    public static Scalar ToScalar(this double value) => value;

    public static Scalar ToScalar(this bool value) => value;

    public static Scalar ToScalar(this Half value) => value;

    public static Scalar ToBFloat16Scalar(this float value) => Scalar.Fraction(torch.ScalarType.BFloat16, value);

    public static Half ToHalf(this Scalar value) => (Half)value.Real;

    public static float ToSingle(this Scalar value) => (float)value.Real;

    public static double ToDouble(this Scalar value) => value.Real;

    public static sbyte ToSByte(this Scalar value) => (sbyte)Whole(value);

    public static byte ToByte(this Scalar value) => (byte)Whole(value);

    public static short ToInt16(this Scalar value) => (short)Whole(value);

    public static int ToInt32(this Scalar value) => (int)Whole(value);

    public static long ToInt64(this Scalar value) => Whole(value);

    public static bool ToBoolean(this Scalar value) => value.IsInteger ? value.Integer != 0 : value.Real != 0;

    private static long Whole(Scalar value) => value.IsInteger ? value.Integer : (long)value.Real;
}
