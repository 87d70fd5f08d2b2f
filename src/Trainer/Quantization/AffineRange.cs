namespace OnnxMoe.Trainer.Quantization;

/// <summary>
/// An affine map between numbers and codes 0 to 2^bits - 1: x is about scale * (code - zero). The zero point is a code, so 0 is represented exactly.
/// Symmetric: the zero point is the middle code 2^(bits-1) and the codes used are 1 to 2^bits - 1; as signed codes it is 0 and they are -127 to 127.
/// </summary>
/// <param name="Scale">Step between two codes, above 0.</param>
/// <param name="Zero">The code of 0.</param>
public readonly record struct AffineRange(float Scale, byte Zero)
{
    /// <summary>Of all numbers of a range, which is widened to hold 0. Where that leaves only 0, the scale is 1.</summary>
    /// <param name="least">Smallest number.</param>
    /// <param name="most">Largest number.</param>
    /// <param name="bits">2 to 8.</param>
    /// <param name="symmetric">See <see cref="AffineRange"/>.</param>
    /// <exception cref="ArgumentException">The range is not finite, or there are no such codes.</exception>
    public static AffineRange Of(float least, float most, int bits, bool symmetric)
    {
        if (bits is < 2 or > 8)
            throw new ArgumentException($"Codes have 2 to 8 bits, not {bits}.");
        if (!float.IsFinite(least) || !float.IsFinite(most))
            throw new ArgumentException($"Numbers from {least} to {most} cannot be quantized.");
        (least, most) = (Math.Min(least, 0), Math.Max(most, 0));
        if (symmetric)
        {
            var middle = 1 << (bits - 1);
            return new(Positive(Math.Max(-least, most) / (middle - 1)), (byte)middle);
        }
        var scale = Positive((most - least) / Last(bits));
        return new(scale, (byte)Math.Clamp(MathF.Round(-least / scale), 0, Last(bits)));
    }

    /// <summary>The largest code.</summary>
    public static int Last(int bits) => (1 << bits) - 1;

    /// <summary>The nearest code, halves to even as ONNX rounds.</summary>
    public byte Code(float x, int bits) => (byte)Math.Clamp(MathF.Round(x / Scale) + Zero, 0, Last(bits));

    /// <summary>The number that a code stands for.</summary>
    public float Number(byte code) => Scale * (code - Zero);

    private static float Positive(float scale) => scale > 0 && float.IsFinite(1 / scale) ? scale : 1;
}
