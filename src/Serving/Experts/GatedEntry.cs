namespace OnnxMoe.Serving.Experts;

/// <summary>
/// Tokens of one sequence whose experts are known before the model runs, to be computed in one batch: a whole prompt, because each of its
/// tokens attends to those before it, or a single generated token.
/// </summary>
/// <param name="sequence">Number of the sequence.</param>
/// <param name="position">Place of the first token in the sequence; 0 for a prompt.</param>
/// <param name="experts">The expert of each token; at least one.</param>
public sealed class GatedEntry(long sequence, int position, IReadOnlyList<int> experts)
{
    /// <summary>Number of the sequence.</summary>
    public long Sequence => sequence;

    /// <summary>Place of the first token in the sequence.</summary>
    public int Position => position;

    /// <summary>The expert of each token.</summary>
    public IReadOnlyList<int> Experts => experts;

    public int Tokens => experts.Count;

    public bool IsPrompt => position == 0;

    /// <summary>The expert under which the entry is queued: its most frequent one, of equally frequent ones the lowest.</summary>
    public int Expert { get; } = experts.CountBy(expert => expert).OrderByDescending(pair => pair.Value).ThenBy(pair => pair.Key).First().Key;

    public override string ToString() => $"{Tokens} tokens of {sequence} from {position} for {Expert}";
}
