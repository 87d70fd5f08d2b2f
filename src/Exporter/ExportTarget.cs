namespace OnnxMoe.Exporter;

/// <summary>What an exported file is written for.</summary>
public enum ExportTarget
{
    /// <summary>Any ONNX runtime: standard ops, MoE ops as functions whose bodies are standard ops.</summary>
    Onnx,

    /// <summary>ONNX Runtime with the native kernels of the project. The same file as <see cref="Onnx"/>; verified with the kernels too.</summary>
    OnnxMoe,

    /// <summary>ONNX Runtime without a custom library, through its own <c>com.microsoft</c> operators.</summary>
    OnnxRuntime,
}
