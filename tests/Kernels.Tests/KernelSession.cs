using Microsoft.ML.OnnxRuntime;
using OnnxMoe.Artifacts;
using OnnxMoe.Artifacts.Tensors;

namespace OnnxMoe.Kernels.Tests;

/// <summary>A session, usually with the kernel library registered.</summary>
internal sealed class KernelSession : IDisposable
{
    private readonly InferenceSession _session;

    /// <param name="kernels">False: without the library.</param>
    public KernelSession(byte[] model, int threads = 1, bool kernels = true)
    {
        using var options = new SessionOptions { IntraOpNumThreads = threads, LogSeverityLevel = OrtLoggingLevel.ORT_LOGGING_LEVEL_FATAL };
        if (kernels)
            options.RegisterCustomOpLibrary(KernelLibrary.Locate());
        _session = new InferenceSession(model, options);
    }

    /// <summary>Runs the model on those of the tensors that it has as inputs.</summary>
    public (long[] Shape, float[] Values) Run(IEnumerable<(string Name, HostTensor? Tensor)> tensors) => RunAll(tensors)[0];

    /// <summary>All outputs, in the model's order.</summary>
    public (long[] Shape, float[] Values)[] RunAll(IEnumerable<(string Name, HostTensor? Tensor)> tensors)
    {
        var fed = tensors.Where(t => t.Tensor is not null && _session.InputMetadata.ContainsKey(t.Name)).ToArray();
        var values = fed.Select(t => Value(t.Tensor!)).ToArray();
        try
        {
            using var run = new RunOptions();
            using var results = _session.Run(run, fed.Select(t => t.Name).ToArray(), values, _session.OutputNames);
            return [.. results.Select(r => (r.GetTensorTypeAndShape().Shape, r.GetTensorDataAsSpan<float>().ToArray()))];
        }
        finally
        {
            foreach (var value in values)
                value.Dispose();
        }
    }

    /// <summary>The output's sizes as ONNX Runtime infers them; -1 is unknown.</summary>
    public (int[] Sizes, string[] Names) InferredShape =>
        (_session.OutputMetadata["y"].Dimensions, _session.OutputMetadata["y"].SymbolicDimensions);

    public void Dispose() => _session.Dispose();

    private static OrtValue Value(HostTensor tensor)
    {
        var value = OrtValue.CreateAllocatedTensorValue(OrtAllocator.DefaultInstance, (Microsoft.ML.OnnxRuntime.Tensors.TensorElementType)(int)tensor.Type, tensor.Shape);
        tensor.Data.CopyTo(value.GetTensorMutableRawData());
        return value;
    }
}
