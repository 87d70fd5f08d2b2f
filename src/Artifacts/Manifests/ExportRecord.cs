namespace OnnxMoe.Artifacts.Manifests;

/// <summary>One exported ONNX file.</summary>
/// <param name="Target">onnx, onnxmoe or onnxruntime.</param>
/// <param name="Precision">fp32 or fp16.</param>
/// <param name="File">File name in the model folder.</param>
/// <param name="Checks">The comparisons it passed before it was published.</param>
public sealed record ExportRecord(string Target, string Precision, string File, IReadOnlyList<ExportCheck> Checks);
