using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;
using OnnxMoe.Artifacts.Tensors;

namespace OnnxMoe.Bench.Kernels;

/// <summary>A session on the threads that all contenders share.</summary>
internal sealed class Contender : IDisposable
{
    private readonly InferenceSession _session;
    private readonly RunOptions _run = new();

    /// <param name="kernels">The library to register, or null.</param>
    public Contender(string name, byte[] model, string? kernels = null)
    {
        Name = name;
        using var options = new SessionOptions();
        options.DisablePerSessionThreads();
        if (kernels is not null)
            options.RegisterCustomOpLibrary(kernels);
        _session = new InferenceSession(model, options);
    }

    public string Name { get; }

    /// <summary>Makes a call that runs the batch and gives the output; its inputs are created once.</summary>
    public Func<OrtValue> Prepare(IReadOnlyDictionary<string, HostTensor> batch)
    {
        var values = _session.InputNames.ToDictionary(name => name, name => Value(batch[name]));
        return () => _session.Run(_run, values, _session.OutputNames)[0];
    }

    public void Dispose()
    {
        _session.Dispose();
        _run.Dispose();
    }

    private static OrtValue Value(HostTensor tensor)
    {
        var value = OrtValue.CreateAllocatedTensorValue(OrtAllocator.DefaultInstance, (TensorElementType)tensor.Type, tensor.Shape);
        tensor.Data.CopyTo(value.GetTensorMutableRawData());
        return value;
    }
}
