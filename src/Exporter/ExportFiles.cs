namespace OnnxMoe.Exporter;

/// <summary>What the files of a model folder's exports are called.</summary>
public static class ExportFiles
{
    /// <summary>
    /// <c>model.onnx</c> for onnxmoe (and onnx, which is the same file) in fp32; others say their target and precision:
    /// <c>model.onnxruntime.onnx</c>, <c>model.onnxmoe-int8.onnx</c>.
    /// </summary>
    public static string Name(ExportTarget target, WeightPrecision precision)
    {
        var suffix = precision == WeightPrecision.Fp32 ? "" : $"-{precision.Word()}";
        return target == ExportTarget.OnnxRuntime ? $"model.onnxruntime{suffix}.onnx"
            : suffix.Length > 0 ? $"model.onnxmoe{suffix}.onnx"
            : "model.onnx";
    }
}
