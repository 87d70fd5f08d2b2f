using OnnxMoe.Artifacts;

namespace OnnxMoe.Trainer.Data;

/// <summary>All tokens of one split: the documents one after the other, each followed by the end of text.</summary>
/// <param name="name">Which text and which split; named in errors.</param>
/// <param name="tokens">The ids.</param>
public sealed class TokenStream(string name, int[] tokens)
{
    public string Name { get; } = name;

    public ReadOnlySpan<int> Tokens => tokens;

    /// <summary>Where a window can begin: at each of the first tokens, that many.</summary>
    /// <exception cref="UserError">The split is shorter than a window.</exception>
    internal int Positions(int length) => tokens.Length > length ? tokens.Length - length
        : throw new UserError($"The {Name} text has {tokens.Length} tokens, too few for one window of {length} and the token after it; give more text or use a shorter window.");

    /// <summary>Writes the window that begins at token <paramref name="start"/> into a row of a batch.</summary>
    internal void CopyTo(TokenBatch batch, int row, int start)
    {
        for (var i = 0; i < batch.Length; i++)
        {
            batch.Inputs[row * batch.Length + i] = tokens[start + i];
            batch.Targets[row * batch.Length + i] = tokens[start + i + 1];
        }
    }

    /// <summary>
    /// The consecutive windows for an evaluation, in order; the last batch may have fewer rows, and what does not fill a window
    /// is left out.
    /// </summary>
    /// <param name="rows">Windows in a batch.</param>
    /// <param name="length">Tokens in a window.</param>
    /// <param name="mostWindows">Stop after that many; 0 = all there are.</param>
    /// <exception cref="UserError">The split is shorter than a window.</exception>
    public IEnumerable<TokenBatch> Windows(int rows, int length, int mostWindows = 0) =>
        Enumerable.Range(0, WindowCount(length, mostWindows)).Select(window => window * length).Chunk(rows).Select(starts => At(starts, length));

    /// <summary>The tokens that <see cref="Windows"/> predicts, preceded by the one before: what a baseline must be measured on.</summary>
    public ReadOnlySpan<int> Covered(int length, int mostWindows = 0) => tokens.AsSpan(0, WindowCount(length, mostWindows) * length + 1);

    private int WindowCount(int length, int most)
    {
        var windows = (Positions(length) - 1 + length) / length;
        return most > 0 ? Math.Min(most, windows) : windows;
    }

    private TokenBatch At(int[] starts, int length)
    {
        var batch = TokenBatch.Empty(starts.Length, length);
        for (var row = 0; row < starts.Length; row++)
            CopyTo(batch, row, starts[row]);
        return batch;
    }
}
