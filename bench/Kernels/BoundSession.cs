using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;
using OnnxMoe.Artifacts.Tensors;

namespace OnnxMoe.Bench.Kernels;

/// <summary>A session whose inputs and outputs are bound once a layer, so that a run copies nothing.</summary>
internal sealed class BoundSession : IDisposable
{
    private readonly InferenceSession _session;
    private readonly RunOptions _run = new();
    private readonly List<IDisposable> _owned = [];
    private readonly List<OrtIoBinding> _bindings = [];

    public BoundSession(byte[] model, int threads, string? kernels = null)
    {
        using var options = new SessionOptions { IntraOpNumThreads = threads };
        // Contenders take turns: a waiting one must not use the processor.
        options.AddSessionConfigEntry("session.force_spinning_stop", "1");
        if (kernels is not null)
            options.RegisterCustomOpLibrary(kernels);
        _session = new InferenceSession(model, options);
    }

    /// <summary>A tensor that lives as long as the session; empty ones hold zeros.</summary>
    public OrtValue Value(HostTensor tensor)
    {
        var value = Empty((TensorElementType)tensor.Type, tensor.Shape);
        tensor.Data.CopyTo(value.GetTensorMutableRawData());
        return value;
    }

    /// <inheritdoc cref="Value"/>
    public OrtValue Empty(TensorElementType type, params long[] shape)
    {
        var value = OrtValue.CreateAllocatedTensorValue(OrtAllocator.DefaultInstance, type, shape);
        value.GetTensorMutableRawData().Clear();
        _owned.Add(value);
        return value;
    }

    /// <summary>Adds a layer.</summary>
    public void Bind(IEnumerable<(string Name, OrtValue Value)> inputs, IEnumerable<(string Name, OrtValue Value)> outputs)
    {
        var binding = _session.CreateIoBinding();
        foreach (var (name, value) in inputs)
            binding.BindInput(name, value);
        foreach (var (name, value) in outputs)
            binding.BindOutput(name, value);
        _bindings.Add(binding);
    }

    public void Run(int layer) => _session.RunWithBinding(_run, _bindings[layer]);

    public void Dispose()
    {
        foreach (var binding in _bindings)
            binding.Dispose();
        foreach (var value in _owned)
            value.Dispose();
        _run.Dispose();
        _session.Dispose();
    }
}
