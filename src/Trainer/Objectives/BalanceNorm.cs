namespace OnnxMoe.Trainer.Objectives;

/// <summary>What the load of an expert is measured in, in the balance loss over N experts of which a token picks K.</summary>
public enum BalanceNorm
{
    /// <summary>N times its share of all picks: the loss is 1 at balance (DeepSeekMoE).</summary>
    Assignments,

    /// <summary>N times the share of tokens that picked it: the loss is K at balance (Switch, AdaMoE, Dynamic MoE).</summary>
    Tokens,

    /// <summary>The share of tokens that picked it: the loss is K / N at balance (MoE++).</summary>
    TokenShare,
}
