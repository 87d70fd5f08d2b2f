using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;
using OnnxMoe.Artifacts;
using OnnxMoe.Artifacts.Tensors;

namespace OnnxMoe.Exporter.Verification;

/// <summary>An ONNX file open in ONNX Runtime on the CPU, fed with and giving <see cref="HostTensor"/>s.</summary>
public sealed class OnnxSession : IDisposable
{
    private readonly InferenceSession _session;
    private readonly RunOptions _options = new();
    private readonly string _path;

    /// <param name="path">The ONNX file.</param>
    /// <param name="kernels">Path of the library with the native kernels, or null: function bodies run.</param>
    /// <param name="configure">Further session options.</param>
    /// <exception cref="UserError">ONNX Runtime cannot load the file.</exception>
    public OnnxSession(string path, string? kernels = null, Action<SessionOptions>? configure = null)
    {
        _path = path;
        if (!File.Exists(path))
            throw new UserError($"There is no file {path}.");
        using var options = new SessionOptions { LogSeverityLevel = OrtLoggingLevel.ORT_LOGGING_LEVEL_ERROR };
        if (kernels is not null)
            options.RegisterCustomOpLibrary(kernels);
        // Threads that spin while they wait would slow down the side that is compared with.
        options.AddSessionConfigEntry("session.intra_op.allow_spinning", "0");
        configure?.Invoke(options);
        try
        {
            _session = new InferenceSession(path, options);
        }
        catch (OnnxRuntimeException problem)
        {
            throw new UserError($"ONNX Runtime cannot load {path}: {problem.Message.ReplaceLineEndings(" ")}", problem);
        }
    }

    /// <summary>The inputs that must be given.</summary>
    public IReadOnlyCollection<string> Inputs => [.. _session.InputMetadata.Keys];

    /// <summary>The inputs that have a default and may be left out.</summary>
    public IReadOnlyCollection<string> OptionalInputs => [.. _session.OverridableInitializerMetadata.Keys];

    public IReadOnlyCollection<string> Outputs => [.. _session.OutputMetadata.Keys];

    /// <summary>Runs the model.</summary>
    /// <param name="inputs">A tensor for each of <see cref="Inputs"/>, and for those of <see cref="OptionalInputs"/> that are to differ from their default; others are ignored.</param>
    /// <param name="outputs">The outputs to compute; null: all.</param>
    /// <exception cref="UserError">ONNX Runtime refuses an input, or a node fails.</exception>
    public Dictionary<string, HostTensor> Run(IReadOnlyDictionary<string, HostTensor> inputs, IReadOnlyCollection<string>? outputs = null)
    {
        outputs ??= Outputs;
        var values = Inputs.Concat(OptionalInputs.Where(inputs.ContainsKey)).ToDictionary(name => name, name => ToOrt(inputs[name]));
        try
        {
            using var results = _session.Run(_options, values, outputs);
            return outputs.Zip(results).ToDictionary(pair => pair.First, pair => ToHost(pair.Second));
        }
        catch (OnnxRuntimeException problem)
        {
            throw new UserError($"ONNX Runtime cannot run {_path}: {problem.Message.ReplaceLineEndings(" ")}", problem);
        }
        finally
        {
            foreach (var value in values.Values)
                value.Dispose();
        }
    }

    public void Dispose()
    {
        _options.Dispose();
        _session.Dispose();
    }

    private static OrtValue ToOrt(HostTensor tensor)
    {
        var value = OrtValue.CreateAllocatedTensorValue(OrtAllocator.DefaultInstance, (TensorElementType)tensor.Type, tensor.Shape);
        if (tensor.Data.Length > 0)
            tensor.Data.CopyTo(value.GetTensorMutableRawData());
        return value;
    }

    private static HostTensor ToHost(OrtValue value)
    {
        var info = value.GetTensorTypeAndShape();
        var data = info.ElementCount == 0 ? [] : value.GetTensorMutableRawData().ToArray();
        return new HostTensor((ElementType)info.ElementDataType, info.Shape, data);
    }
}
