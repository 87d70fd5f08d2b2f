using Microsoft.ML.OnnxRuntime;

namespace OnnxMoe.Serving.Sessions;

/// <summary>A graph that is loaded when it is first used.</summary>
/// <param name="open">Loads it.</param>
internal sealed class LazyGraph(Func<IModelGraph> open) : IModelGraph
{
    private readonly Lazy<IModelGraph> _graph = new(open);

    /// <inheritdoc/>
    public IReadOnlyDictionary<string, NodeMetadata> Inputs => _graph.Value.Inputs;

    /// <inheritdoc/>
    public IReadOnlyDictionary<string, NodeMetadata> OptionalInputs => _graph.Value.OptionalInputs;

    /// <inheritdoc/>
    public IReadOnlyDictionary<string, NodeMetadata> Outputs => _graph.Value.Outputs;

    /// <inheritdoc/>
    public IReadOnlyList<string> Providers => _graph.Value.Providers;

    /// <inheritdoc/>
    public bool RunsTogether => _graph.Value.RunsTogether;

    /// <inheritdoc/>
    public IReadOnlyList<GraphResult> Run(IReadOnlyList<GraphRun> runs) => _graph.Value.Run(runs);

    public void Dispose()
    {
        if (_graph.IsValueCreated)
            _graph.Value.Dispose();
    }
}
