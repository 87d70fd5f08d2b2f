namespace OnnxMoe.Serving.Sessions;

/// <summary>What a model keeps of the tokens that one sequence (or a batch of equally long ones) has seen.</summary>
public abstract class SequenceCache : IDisposable
{
    /// <summary>Number of sequences.</summary>
    public virtual int Rows => 1;

    /// <summary>Number of tokens seen so far, equal for all rows.</summary>
    public int Length { get; protected set; }

    /// <summary>
    /// Takes over what other sequences with the same beginning have computed. Only for an empty cache.
    /// </summary>
    /// <param name="tokens">The sequence's tokens; at least the last one stays to be computed.</param>
    /// <param name="salt">Sequences share only what was computed under the same circumstances.</param>
    /// <returns>Tokens that need not be computed: the new length.</returns>
    public virtual int Reuse(IReadOnlyList<int> tokens, long salt) => 0;

    /// <summary>Makes room for further tokens.</summary>
    /// <returns>False when there is none; what was there stays.</returns>
    public virtual bool TryGrow(int tokens) => true;

    public abstract void Dispose();
}
