using Microsoft.ML.OnnxRuntime;

namespace OnnxMoe.Serving.Sessions;

/// <summary>An ONNX file on one device, as it is.</summary>
/// <param name="session">The loaded file; disposed with this.</param>
/// <param name="device">The device it was opened on.</param>
public sealed class WholeGraph(InferenceSession session, Device device) : IModelGraph
{
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
    public IReadOnlyList<GraphResult> Run(IReadOnlyList<GraphRun> runs) => [.. runs.Select(Run)];

    public void Dispose() => session.Dispose();

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
            session.RunWithBinding(options, binding);
            return new([.. binding.GetOutputValues()]); // in the order they were bound
        }
        catch (Exception problem)
        {
            return new(problem);
        }
    }
}
