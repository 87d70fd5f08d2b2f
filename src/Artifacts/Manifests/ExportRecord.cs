namespace OnnxMoe.Artifacts.Manifests;

/// <summary>One exported ONNX file.</summary>
/// <param name="Target">onnx, onnxmoe or onnxruntime.</param>
/// <param name="Precision">fp32, fp16, int8 or int4.</param>
/// <param name="File">File name in the model folder.</param>
/// <param name="Checks">The comparisons it passed before it was published.</param>
public sealed record ExportRecord(string Target, string Precision, string File, IReadOnlyList<ExportCheck> Checks)
{
    /// <summary>Weights that share a scale, where the precision is int8 or int4.</summary>
    public int? BlockSize { get; init; }

    /// <summary>What the precision costs; null for fp32.</summary>
    public ExportQuality? Quality { get; init; }
}
