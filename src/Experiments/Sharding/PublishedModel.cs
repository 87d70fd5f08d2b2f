using OnnxMoe.Placement.Sharding;

namespace OnnxMoe.Experiments.Sharding;

/// <summary>A model of Hecate's evaluation (arXiv 2502.02581): GShard top-2, 64 experts a layer of twice the hidden size.</summary>
/// <param name="Name">Name in the paper.</param>
/// <param name="HiddenSize">d.</param>
/// <param name="SequenceLength">Tokens of a sequence.</param>
internal sealed record PublishedModel(string Name, int HiddenSize, int SequenceLength)
{
    /// <summary>Tokens of a device in a step; the paper's batch is not known here.</summary>
    public const int TokensPerDevice = 8192;

    /// <summary>All of them, the one that is looked at closely first. GPT-MoE-S has 12 layers and 1.84 B parameters, -L 7.36 B; BERT-MoE 12 and 3.27 B, -Deep 24 and 6.54 B.</summary>
    public static IReadOnlyList<PublishedModel> All { get; } = [new("GPT-MoE-S", 768, 2048), new("GPT-MoE-L", 1536, 2048), new("BERT-MoE", 1024, 512)];

    /// <summary>t, where it is not to follow from the time of attention; -1: it is.</summary>
    public int Overlap { get; init; } = -1;

    /// <summary>As settings of a simulation.</summary>
    public ShardOptions Options => new() { Overlap = Overlap, HiddenSize = HiddenSize, SequenceLength = SequenceLength, TokensPerDevice = TokensPerDevice };
}
