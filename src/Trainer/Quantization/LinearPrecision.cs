namespace OnnxMoe.Trainer.Quantization;

/// <summary>How the numbers of one linear layer are kept.</summary>
/// <param name="Bits">Of a weight: 2 to 8, inputs then have 8; <see cref="Full"/>'s 32: floating-point numbers.</param>
/// <param name="Symmetric">The weights' range; see <see cref="AffineRange"/>.</param>
public sealed record LinearPrecision(int Bits, bool Symmetric)
{
    /// <summary>Not quantized.</summary>
    public static readonly LinearPrecision Full = new(32, true);

    public bool IsQuantized => Bits != Full.Bits;

    /// <summary>The word of the range in recipes and search spaces.</summary>
    public string Scheme => Symmetric ? "symmetric" : "asymmetric";

    /// <summary>True for 2 to 8 and 32.</summary>
    public static bool IsKnown(int bits) => bits is (>= 2 and <= 8) or 32;
}
