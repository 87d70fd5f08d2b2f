using OnnxMoe.Artifacts;

namespace OnnxMoe.Trainer.Data;

/// <summary>All tokens of one split: the documents one after the other, each followed by the end of text.</summary>
/// <param name="name">train, validation or test; named in errors.</param>
/// <param name="tokens">The ids.</param>
public sealed class TokenStream(string name, int[] tokens)
{
    public string Name { get; } = name;

    public ReadOnlySpan<int> Tokens => tokens;

    /// <summary>
    /// Random windows for one training step: a pure function of its arguments, so a resumed run sees what an undisturbed one would.
    /// </summary>
    /// <param name="seed">The run's seed.</param>
    /// <param name="step">Number of the optimizer step.</param>
    /// <param name="microStep">Number of the part of the step (gradient accumulation).</param>
    /// <param name="rows">Windows in the batch.</param>
    /// <param name="length">Tokens in a window.</param>
    /// <exception cref="UserError">The split is shorter than a window.</exception>
    public TokenBatch Batch(long seed, long step, int microStep, int rows, int length)
    {
        RequireWindow(length);
        var starts = new int[rows];
        for (var row = 0; row < rows; row++)
            starts[row] = (int)(StatelessRandom.Next(seed, step, microStep, row) % (ulong)(tokens.Length - length));
        return At(starts, length);
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
        RequireWindow(length);
        var windows = (tokens.Length - 1) / length;
        return most > 0 ? Math.Min(most, windows) : windows;
    }

    private TokenBatch At(int[] starts, int length)
    {
        var (inputs, targets) = (new long[starts.Length * length], new long[starts.Length * length]);
        for (var row = 0; row < starts.Length; row++)
            for (var i = 0; i < length; i++)
            {
                inputs[row * length + i] = tokens[starts[row] + i];
                targets[row * length + i] = tokens[starts[row] + i + 1];
            }
        return new TokenBatch(inputs, targets, starts.Length, length);
    }

    private void RequireWindow(int length)
    {
        if (tokens.Length <= length)
            throw new UserError($"The {Name} text has {tokens.Length} tokens, too few for one window of {length} and the token after it; give more text or use a shorter window.");
    }
}
