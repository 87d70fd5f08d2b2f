using OnnxMoe.Artifacts.Tensors;

namespace OnnxMoe.Exporter.Graph;

/// <summary>A weight or constant of the graph. The values are fetched when they are written, so that only one is in memory at a time.</summary>
/// <param name="Name">Unique in the graph; a weight's own name.</param>
/// <param name="Load">Gets the values.</param>
public sealed record Initializer(string Name, ElementType Type, long[] Shape, Func<HostTensor> Load)
{
    /// <summary>True for a trained weight, false for a constant and for what was computed from weights.</summary>
    public bool IsWeight { get; init; }
}
