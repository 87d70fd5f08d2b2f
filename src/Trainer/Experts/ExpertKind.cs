namespace OnnxMoe.Trainer.Experts;

/// <summary>What an expert does with a token. All but the first cost next to nothing: zero-computation experts (Jin et al. 2024, arXiv 2410.07348).</summary>
public enum ExpertKind
{
    /// <summary>A feed-forward network: the only kind that a bank stores and that a trace, a placement or a load counts.</summary>
    Ffn,

    /// <summary>A mixture of the token and a learned vector.</summary>
    Constant,

    /// <summary>The token itself.</summary>
    Copy,

    /// <summary>Nothing: the null expert of AdaMoE (Zeng et al. 2024, arXiv 2406.13233).</summary>
    Zero,
}
