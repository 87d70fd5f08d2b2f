namespace OnnxMoe.Experiments.Verdicts;

/// <summary>What an experiment says about a claim.</summary>
public enum Verdict
{
    /// <summary>The paired mean has the claimed sign and exceeds one standard error.</summary>
    Reproduced,

    /// <summary>The paired mean lies within one standard error of none, or the rule cannot be applied.</summary>
    Inconclusive,

    /// <summary>The paired mean has the opposite sign and exceeds one standard error.</summary>
    Contradicted,
}
