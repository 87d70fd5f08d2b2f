namespace OnnxMoe.Experiments.TinyModels;

/// <summary>The decisions of one routed layer for T tokens.</summary>
/// <param name="layer">Number of its block.</param>
public sealed class LayerSnapshot(int layer)
{
    private readonly List<long[]> _indices = [];
    private readonly List<float[]> _weights = [];
    private readonly List<float[]> _probabilities = [];

    /// <summary>Number of the block.</summary>
    public int Layer { get; } = layer;

    /// <summary>Chosen experts [T][K], the first the most probable, -1 for none.</summary>
    public IReadOnlyList<long[]> Indices => _indices;

    /// <summary>Their weights [T][K].</summary>
    public IReadOnlyList<float[]> Weights => _weights;

    /// <summary>Router probabilities [T][E]; empty where the router has none.</summary>
    public IReadOnlyList<float[]> Probabilities => _probabilities;

    internal void Add(long[] indices, float[] weights, float[] probabilities, int tokens)
    {
        _indices.AddRange(indices.Chunk(indices.Length / tokens));
        _weights.AddRange(weights.Chunk(weights.Length / tokens));
        if (probabilities.Length > 0)
            _probabilities.AddRange(probabilities.Chunk(probabilities.Length / tokens));
    }
}
