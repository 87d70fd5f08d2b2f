namespace OnnxMoe.Trainer.Routers;

/// <summary>How the chosen experts' probabilities become combine weights.</summary>
public enum WeightRule
{
    /// <summary>The softmax over all experts as it is: the weights of a token sum to less than 1 (DeepSeekMoE).</summary>
    Softmax,

    /// <summary>Divided by their sum (Mixtral); the same as a softmax over the chosen experts' scores.</summary>
    Renormalized,
}
