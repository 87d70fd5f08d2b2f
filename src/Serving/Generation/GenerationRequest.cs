namespace OnnxMoe.Serving.Generation;

/// <summary>One sequence to generate. A client's request is one or more of these (<c>n</c>, several prompts).</summary>
/// <param name="Prompt">At least one token id.</param>
/// <param name="MaxTokens">Most tokens to generate; prompt and output together fit the context.</param>
/// <param name="Sampling">How tokens are chosen.</param>
public sealed record GenerationRequest(IReadOnlyList<int> Prompt, int MaxTokens, SamplingSettings Sampling)
{
    /// <summary>Who asks: clients take turns where sequences must wait.</summary>
    public string Client { get; init; } = "";

    /// <summary>Texts that end the output, and are not part of it.</summary>
    public IReadOnlyList<string> Stops { get; init; } = [];

    /// <summary>Report the log probability of each token and of so many best alternatives; null reports none.</summary>
    public int? TopLogProbs { get; init; }

    /// <summary>Experts a token meets; null leaves it to the server.</summary>
    public int? ActiveExperts { get; init; }

    /// <summary>Report the log probabilities of the prompt's tokens too.</summary>
    public bool PromptLogProbs { get; init; }

    /// <summary>Report the experts that the generated tokens meet.</summary>
    public bool Routing { get; init; }
}
