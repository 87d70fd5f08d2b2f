namespace OnnxMoe.Trainer.Routers;

/// <summary>How the chosen experts' probabilities become combine weights.</summary>
public enum WeightRule
{
    /// <summary>The softmax over all experts as it is: the weights of a token sum to less than 1 (DeepSeekMoE).</summary>
    Softmax,

    /// <summary>
    /// Divided by the sum over the chosen experts but the zero ones, whose weight is 0 (AdaMoE, arXiv 2406.13233; MoE++, arXiv 2410.07348); where
    /// only zero experts are chosen, all weights are 0. Without zero experts the same as a softmax over the chosen experts' scores (Mixtral).
    /// </summary>
    Renormalized,

    /// <summary>Divided by the sum over all chosen experts, zero ones too.</summary>
    RenormalizedAll,

    /// <summary>
    /// Each the sum of the chosen ones: the experts' outputs are added and the sum is scaled, by 1 when all are chosen (UoE; Yang et al. 2025,
    /// arXiv 2503.02495).
    /// </summary>
    Sum,

    /// <summary>1: the outputs are added as they are, so no gradient reaches the scores.</summary>
    One,
}
