namespace OnnxMoe.Exporter;

/// <summary>How weights are stored in the file; all computation is in float32.</summary>
public enum WeightPrecision
{
    /// <summary>float32.</summary>
    Fp32,

    /// <summary>Matrices as float16, rounded to nearest even; vectors (norm scales, biases) stay float32.</summary>
    Fp16,
}
