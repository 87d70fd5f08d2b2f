using Microsoft.ML.OnnxRuntime;
using OnnxMoe.Artifacts;

namespace OnnxMoe.Serving.Sessions;

/// <summary>Opens ONNX files with ONNX Runtime.</summary>
public static class SessionFactory
{
    /// <param name="path">The ONNX file; its external data lies beside it.</param>
    /// <param name="device">Where it runs.</param>
    /// <param name="threads">Threads of one step; 0 takes one a core.</param>
    /// <param name="kernels">Path of a custom-op library to register; null uses the file's own function bodies.</param>
    /// <exception cref="UserError">No such file, not an ONNX model, or the device is not there.</exception>
    public static InferenceSession Open(string path, Device device, int threads, string? kernels)
    {
        if (!System.IO.File.Exists(path))
            throw new UserError($"{path} does not exist; make it with 'onnxmoe export'.");
        using var options = new SessionOptions { IntraOpNumThreads = threads, LogSeverityLevel = OrtLoggingLevel.ORT_LOGGING_LEVEL_ERROR };
        device.Apply(options);
        if (kernels is not null)
            options.RegisterCustomOpLibraryV2(kernels, out _);
        try
        {
            return new InferenceSession(path, options);
        }
        catch (OnnxRuntimeException problem)
        {
            throw new UserError($"{path} cannot be loaded; it may be truncated, or not an ONNX model: {FirstLine(problem.Message)}", problem);
        }
    }

    private static string FirstLine(string text) => text.Split('\n')[0].Trim();
}
