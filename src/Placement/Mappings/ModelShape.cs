using OnnxMoe.Artifacts;

namespace OnnxMoe.Placement.Mappings;

/// <summary>The sizes of a mixture-of-experts language model whose layers are all alike: attention with grouped keys and values, routed SwiGLU experts.</summary>
/// <param name="Name">Name in tables.</param>
/// <param name="Layers">Number of layers.</param>
/// <param name="HiddenSize">Width of the residual stream, H.</param>
/// <param name="Heads">Query heads.</param>
/// <param name="KvHeads">Key and value heads.</param>
/// <param name="HeadSize">Width of a head.</param>
/// <param name="Experts">Routed experts of a layer, E.</param>
/// <param name="ExpertsPerToken">Of which a token uses so many, K.</param>
/// <param name="ExpertHiddenSize">Inner width of an expert, F.</param>
/// <param name="Vocabulary">Tokens of the vocabulary.</param>
public sealed record ModelShape(
    string Name, int Layers, int HiddenSize, int Heads, int KvHeads, int HeadSize, int Experts, int ExpertsPerToken, int ExpertHiddenSize, int Vocabulary)
{
    /// <summary>Inner width of the shared expert that every token passes; 0 for none.</summary>
    public int SharedHiddenSize { get; init; }

    /// <summary>Whether the output layer has the embedding's weights.</summary>
    public bool TiedEmbeddings { get; init; }

    /// <summary>Where the figures come from, a line each.</summary>
    public IReadOnlyList<string> Sources { get; init; } = [];

    /// <summary>Weights of a layer's attention, norms and router.</summary>
    public long AttentionParameters => (long)HiddenSize * HeadSize * (2 * Heads + 2 * KvHeads) + 2L * HiddenSize + (long)HiddenSize * Experts;

    /// <summary>Weights of one routed expert.</summary>
    public long ExpertParameters => 3L * HiddenSize * ExpertHiddenSize;

    /// <summary>Weights of a layer's shared expert.</summary>
    public long SharedParameters => 3L * HiddenSize * SharedHiddenSize;

    /// <summary>Weights of the embedding, or of the output layer.</summary>
    public long EmbeddingParameters => (long)Vocabulary * HiddenSize;

    /// <summary>All weights.</summary>
    public long Parameters => Layers * (AttentionParameters + SharedParameters + Experts * ExpertParameters) + (TiedEmbeddings ? 1 : 2) * EmbeddingParameters + HiddenSize;

    /// <summary>The weights that a token meets.</summary>
    public long ActiveParameters => Parameters - Layers * (Experts - ExpertsPerToken) * ExpertParameters;

    /// <summary>Operations of a token's forward pass: matrix products, causal attention (the mean token sees half of the sequence) and the output layer.</summary>
    /// <param name="sequence">Tokens of a sequence.</param>
    public double ForwardFlops(int sequence) => 2.0 * (Layers * (AttentionParameters - 2L * HiddenSize + SharedParameters + ExpertsPerToken * ExpertParameters) + EmbeddingParameters)
        + 4.0 * Layers * (sequence / 2.0) * Heads * HeadSize;

    /// <summary>Reads and checks a shape file.</summary>
    /// <exception cref="UserError">It is missing or wrong.</exception>
    public static ModelShape Load(string path)
    {
        var shape = JsonFile.Load<ModelShape>(path);
        shape.Check(path);
        return shape;
    }

    void Check(string where)
    {
        (string Name, int Value)[] sizes =
        [
            ("layers", Layers), ("hiddenSize", HiddenSize), ("heads", Heads), ("kvHeads", KvHeads), ("headSize", HeadSize), ("experts", Experts),
            ("expertsPerToken", ExpertsPerToken), ("expertHiddenSize", ExpertHiddenSize), ("vocabulary", Vocabulary),
        ];
        foreach (var (name, value) in sizes)
        {
            if (value < 1)
                throw new UserError($"{where}: {name} is {value}; it must be at least 1.");
        }
        if (SharedHiddenSize < 0)
            throw new UserError($"{where}: sharedHiddenSize is {SharedHiddenSize}; 0 means no shared expert.");
        if (ExpertsPerToken > Experts)
            throw new UserError($"{where}: a token cannot use {ExpertsPerToken} of {Experts} experts.");
        if (Heads % KvHeads != 0)
            throw new UserError($"{where}: {Heads} heads cannot share {KvHeads} key and value heads evenly.");
    }
}
