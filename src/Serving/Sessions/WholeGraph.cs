using Microsoft.ML.OnnxRuntime;

namespace OnnxMoe.Serving.Sessions;

/// <summary>An ONNX file on one device, as it is.</summary>
/// <param name="session">The loaded file; disposed with this.</param>
/// <param name="device">The device it was opened on.</param>
public sealed class WholeGraph(InferenceSession session, Device device) : IModelGraph
{
    private readonly Lazy<OrtAllocator>? _memory = device.CudaId is null ? null : new(() => new OrtAllocator(session, device.Memory));
    private readonly RunOptions _options = new();
    private BoundRun? _idle; // of a run that is over, with its inputs

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
        _idle?.Dispose();
        _options.Dispose();
        if (_memory is { IsValueCreated: true })
            _memory.Value.Dispose();
        session.Dispose();
    }

    private GraphResult Run(GraphRun run)
    {
        // Values that a GPU needs are copied there when they are bound, so that what is bound must be bound anew.
        var reuse = run.ReusesInputs && device.CudaId is null;
        var bound = reuse ? Interlocked.Exchange(ref _idle, null) : null;
        try
        {
            bound ??= new BoundRun(session);
            bound.BindInputs(run.Inputs);
            foreach (var (name, stays) in run.Outputs)
                bound.Binding.BindOutputToDevice(name, stays ? device.Memory : OrtMemoryInfo.DefaultInstance);
            foreach (var (name, value) in run.InPlace)
                bound.Binding.BindOutput(name, value);
            session.RunWithBinding(_options, bound.Binding);
            OrtValue[] values = [.. bound.Binding.GetOutputValues()]; // in the order they were bound
            foreach (var written in values[run.Outputs.Count..])
                written.Dispose(); // the tensor itself is the caller's
            if (reuse)
            {
                bound.Binding.ClearBoundOutputs(); // or the next run would write to these
                bound = Interlocked.Exchange(ref _idle, bound);
            }
            return new(values[..run.Outputs.Count]);
        }
        catch (Exception problem)
        {
            return new(problem);
        }
        finally
        {
            bound?.Dispose();
        }
    }
}
