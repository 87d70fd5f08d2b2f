namespace OnnxMoe.Serving.Generation;

/// <summary>A piece of output.</summary>
/// <param name="Sequence">Which of the submitted sequences it belongs to.</param>
/// <param name="Text">Text that is final: whole characters, no stop text. May be empty.</param>
/// <param name="Tokens">The tokens generated since the last event of this sequence.</param>
/// <param name="Finish">Set in the last event of the sequence.</param>
public sealed record GenerationEvent(int Sequence, string Text, IReadOnlyList<TokenScore> Tokens, FinishReason? Finish)
{
    /// <summary>The scores of the prompt's tokens, in the first event of a sequence that asked for them.</summary>
    public IReadOnlyList<TokenScore> PromptScores { get; init; } = [];

    /// <summary>How the sequence went, in its last event.</summary>
    public SequenceTimes? Times { get; init; }

    /// <summary>
    /// The experts of the generated tokens that the model has seen since the last event, for a sequence that asked for them. A token is seen in the step after
    /// the one that chose it, so they come one event later, and the last token, which nothing follows, has none.
    /// </summary>
    public IReadOnlyList<TokenRouting> Routing { get; init; } = [];
}
