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
        using var options = Options(device, threads, kernels);
        return Guard(path, () => new InferenceSession(path, options));
    }

    /// <summary>Opens a part of an ONNX file. Its threads wait without spinning, since those of other parts work meanwhile.</summary>
    /// <param name="model">The part, as the bytes of an ONNX file of its own.</param>
    /// <param name="path">The file it is of; external data lies beside that.</param>
    /// <inheritdoc cref="Open(string, Device, int, string?)"/>
    public static InferenceSession OpenPart(byte[] model, string path, Device device, int threads, string? kernels)
    {
        using var options = Options(device, threads, kernels);
        options.AddSessionConfigEntry("session.intra_op.allow_spinning", "0");
        return OpenBytes(model, path, options);
    }

    /// <summary>Opens an ONNX file that was changed in memory.</summary>
    /// <inheritdoc cref="OpenPart"/>
    public static InferenceSession OpenChanged(byte[] model, string path, Device device, int threads, string? kernels)
    {
        using var options = Options(device, threads, kernels);
        return OpenBytes(model, path, options);
    }

    private static InferenceSession OpenBytes(byte[] model, string path, SessionOptions options)
    {
        options.AddSessionConfigEntry("session.model_external_initializers_file_folder_path", Path.GetDirectoryName(Path.GetFullPath(path)));
        return Guard(path, () => new InferenceSession(model, options));
    }

    private static SessionOptions Options(Device device, int threads, string? kernels)
    {
        var options = new SessionOptions { IntraOpNumThreads = threads, LogSeverityLevel = OrtLoggingLevel.ORT_LOGGING_LEVEL_ERROR };
        try
        {
            device.Apply(options);
            if (kernels is not null)
                options.RegisterCustomOpLibraryV2(kernels, out _);
            return options;
        }
        catch
        {
            options.Dispose();
            throw;
        }
    }

    private static InferenceSession Guard(string path, Func<InferenceSession> open)
    {
        try
        {
            return open();
        }
        catch (OnnxRuntimeException problem)
        {
            throw new UserError($"{path} cannot be loaded; it may be truncated, or not an ONNX model: {FirstLine(problem.Message)}", problem);
        }
    }

    private static string FirstLine(string text) => text.Split('\n')[0].Trim();
}
