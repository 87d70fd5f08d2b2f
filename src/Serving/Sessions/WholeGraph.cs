using Microsoft.ML.OnnxRuntime;

namespace OnnxMoe.Serving.Sessions;

/// <summary>An ONNX file on one device, as it is.</summary>
/// <param name="session">The loaded file; disposed with this.</param>
/// <param name="device">The device it was opened on.</param>
public sealed class WholeGraph(InferenceSession session, Device device) : IModelGraph
{
    private readonly Lazy<OrtAllocator>? _memory = device.CudaId is null ? null : new(() => new OrtAllocator(session, device.Memory));

    /// <inheritdoc/>
    public IReadOnlyDictionary<string, NodeMetadata> Inputs => session.InputMetadata;

    /// <inheritdoc/>
    public IReadOnlyDictionary<string, NodeMetadata> OptionalInputs => session.OverridableInitializerMetadata;

    /// <inheritdoc/>
    public IReadOnlyDictionary<string, NodeMetadata> Outputs => session.OutputMetadata;

    /// <inheritdoc/>
    public IReadOnlyList<string> Providers { get; } = [string.Join(" and ", SessionProviders.Of(session))];

    /// <inheritdoc/>
    public bool RunsTogether => false;

    /// <inheritdoc/>
    public OrtAllocator? DeviceMemory => _memory?.Value;

    /// <inheritdoc/>
    public IReadOnlyList<GraphResult> Run(IReadOnlyList<GraphRun> runs) => [.. runs.Select(Run)];

    public void Dispose()
    {
        if (_memory is { IsValueCreated: true })
            _memory.Value.Dispose();
        session.Dispose();
    }

    private GraphResult Run(GraphRun run)
    {
        try
        {
            using var options = new RunOptions();
            using var binding = session.CreateIoBinding();
            foreach (var (name, value) in run.Inputs)
                binding.BindInput(name, value);
            foreach (var (name, stays) in run.Outputs)
                binding.BindOutputToDevice(name, stays ? device.Memory : OrtMemoryInfo.DefaultInstance);
            foreach (var (name, value) in run.InPlace)
                binding.BindOutput(name, value);
            session.RunWithBinding(options, binding);
            OrtValue[] values = [.. binding.GetOutputValues()]; // in the order they were bound
            foreach (var written in values[run.Outputs.Count..])
                written.Dispose(); // the tensor itself is the caller's
            return new(values[..run.Outputs.Count]);
        }
        catch (Exception problem)
        {
            return new(problem);
        }
    }
}
