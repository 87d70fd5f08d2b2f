namespace OnnxMoe.Placement.Sharding;

/// <summary>Sizes of a model whose training is simulated: equal blocks of attention and routed experts, each expert two matrices.</summary>
/// <param name="Name">Name in reports.</param>
/// <param name="HiddenSize">d.</param>
/// <param name="ExpertHidden">Hidden size of an expert.</param>
/// <param name="SequenceLength">Tokens of a sequence.</param>
/// <param name="TokensPerDevice">Tokens of a device in an iteration.</param>
public sealed record TrainingModel(string Name, int HiddenSize, int ExpertHidden, int SequenceLength, int TokensPerDevice)
{
    /// <summary>Bytes of a weight, of a gradient and of a token's hidden unit in transfers: 16-bit floats.</summary>
    public int NumberBytes { get; init; } = 2;

    /// <summary>Bytes of the optimizer's state for a weight: Adam's two moments and the weight itself in 32-bit floats.</summary>
    public int StateBytes { get; init; } = 12;

    /// <summary>The part of a device's peak speed that kernels reach.</summary>
    public double Efficiency { get; init; } = 0.4;

    /// <summary>Weights of an expert.</summary>
    public long ExpertParameters => 2L * HiddenSize * ExpertHidden;

    /// <summary>Bytes of an expert's weights: what a copy takes and what travels. Its gradient has as many.</summary>
    public long ExpertBytes => ExpertParameters * NumberBytes;

    /// <summary>Bytes that move with an expert to another owner: weights and optimizer state.</summary>
    public long MovedBytes => ExpertParameters * (NumberBytes + StateBytes);

    /// <summary>Bytes of a token's hidden state.</summary>
    public long TokenBytes => (long)HiddenSize * NumberBytes;

    /// <summary>Operations of an expert for a token, forward.</summary>
    public double ExpertFlops => 2.0 * ExpertParameters;

    /// <summary>Operations of a block beside its experts, forward, for a device's tokens: four projections, and scores and sums over the sequence.</summary>
    public double AttentionFlops => TokensPerDevice * ((8.0 * HiddenSize * HiddenSize) + (4.0 * SequenceLength * HiddenSize));
}
