using OnnxMoe.Artifacts.Configuration;

namespace OnnxMoe.Trainer.Layers;

/// <summary>The recipe's section Model:AttentionBank: attention experts in place of one attention layer a block.</summary>
public sealed class AttentionBankOptions
{
    /// <summary>The word of <see cref="KeyValues"/> for one pair of key and value projections a block.</summary>
    public const string Shared = "shared";

    [Setting("Attention experts a block; 0: ordinary attention", Min = 0)]
    public int Experts { get; set; }

    [Setting("Whose the key and value projections are: each expert's, which keeps a KV cache for each, or all experts'", Choices = "experts|shared")]
    public string KeyValues { get; set; } = "experts";

    [Setting("Attention experts whose output counts for a token, the most probable ones; 0: all (soft routing)", Min = 0)]
    public int ActiveExperts { get; set; }
}
