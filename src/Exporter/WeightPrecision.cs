namespace OnnxMoe.Exporter;

/// <summary>How weights are stored in the file; all computation is in float32.</summary>
public enum WeightPrecision
{
    /// <summary>float32.</summary>
    Fp32,

    /// <summary>Matrices as float16, rounded to nearest even; vectors (norm scales, biases) stay float32.</summary>
    Fp16,

    /// <summary>
    /// Matrices of products as 8 bit codes with a scale for each 32 weights (<see cref="Artifacts.Tensors.BlockCodes"/>): 8.5 bits a weight where the scales are kept as
    /// float16. Embeddings, vectors and what decides on experts stay float32.
    /// </summary>
    Int8,

    /// <summary>The same with 4 bit codes: 4.5 bits a weight.</summary>
    Int4,
}

/// <summary>Facts about precisions.</summary>
public static class WeightPrecisions
{
    /// <summary>Bits of a code, where matrices are stored as codes; else null.</summary>
    public static int? CodeBits(this WeightPrecision precision) => precision switch
    {
        WeightPrecision.Int8 => 8,
        WeightPrecision.Int4 => 4,
        _ => null,
    };

    /// <summary>The word for it in settings, manifests and file names.</summary>
    public static string Word(this WeightPrecision precision) => precision.ToString().ToLowerInvariant();
}
