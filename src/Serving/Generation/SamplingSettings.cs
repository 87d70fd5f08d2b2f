namespace OnnxMoe.Serving.Generation;

/// <summary>How a token is chosen from the model's scores. The defaults sample from the model's own distribution.</summary>
public sealed record SamplingSettings
{
    /// <summary>Divides the scores; 0 always takes the best token.</summary>
    public double Temperature { get; init; } = 1;

    /// <summary>Only the so many best tokens remain; 0 keeps all.</summary>
    public int TopK { get; init; }

    /// <summary>The best tokens remain until their probabilities sum to this (Holtzman et al. 2020, nucleus sampling).</summary>
    public double TopP { get; init; } = 1;

    /// <summary>Tokens below this fraction of the best one's probability go.</summary>
    public double MinP { get; init; }

    /// <summary>Decides all random choices: the same seed and request give the same text.</summary>
    public ulong Seed { get; init; }

    /// <summary>Above 1 makes tokens of the prompt and the output less likely (Keskar et al. 2019).</summary>
    public double RepetitionPenalty { get; init; } = 1;

    /// <summary>Subtracted from the score of each token that is in the output already.</summary>
    public double PresencePenalty { get; init; }

    /// <summary>Subtracted from a token's score once for each time it is in the output.</summary>
    public double FrequencyPenalty { get; init; }

    /// <summary>Added to the scores of the given tokens.</summary>
    public IReadOnlyDictionary<int, float> LogitBias { get; init; } = new Dictionary<int, float>();

    /// <summary>The end of the text is not chosen before so many tokens.</summary>
    public int MinTokens { get; init; }

    /// <summary>Go on after the end of the text.</summary>
    public bool IgnoreEndOfText { get; init; }
}
