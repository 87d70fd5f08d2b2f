namespace OnnxMoe.Trainer.Data;

/// <summary>
/// Windows of text, some of whose tokens are to be found (Devlin et al. 2019, arXiv 1810.04805): of those, 80 % are replaced by a mask, 10 % by a random token,
/// 10 % left as they are.
/// </summary>
/// <param name="data">The text.</param>
/// <param name="length">Tokens of a window.</param>
/// <param name="evaluationTokens">Tokens of an evaluation, in equal parts of all domains.</param>
/// <param name="share">Of the tokens that are to be found.</param>
public sealed class MaskedText(TokenDataset data, int length, int evaluationTokens, double share) : TokenTask(data.Tokenizer)
{
    /// <summary>Key of the masks of what is measured, the same in every run.</summary>
    private const long HeldOutSeed = -1;

    private readonly CausalText _windows = new(data, length, evaluationTokens);

    public override TaskBatch Batch(long seed, int step, int part, int rows) => Mask(_windows.Batch(seed, step, part, rows).Tokens, seed, step, part);

    public override IEnumerable<TaskBatch> HeldOut(bool test, int rows) =>
        _windows.HeldOut(test, 1).Select((window, number) => Mask(window.Tokens, HeldOutSeed, number, 0)).Chunk(rows).Select(Join);

    public override string Describe() => $"{_windows.Describe()}, {share:P0} of them masked";

    private TaskBatch Mask(TokenBatch windows, params ReadOnlySpan<long> key)
    {
        var vocabulary = Tokenizer.VocabularySize;
        var (inputs, targets) = ((long[])windows.Inputs.Clone(), new long[windows.Inputs.Length]);
        for (var i = 0; i < inputs.Length; i++)
        {
            var chosen = Fraction([.. key, i, 0]) < share;
            targets[i] = chosen ? inputs[i] : TaskBatch.Ignored;
            if (!chosen)
                continue;
            inputs[i] = Fraction([.. key, i, 1]) switch
            {
                < 0.8 => vocabulary, // the mask
                < 0.9 => (long)(StatelessRandom.Next([.. key, i, 2]) % (ulong)vocabulary),
                _ => inputs[i],
            };
        }
        return new(windows with { Inputs = inputs, Targets = targets });
    }

    private static TaskBatch Join(TaskBatch[] rows) => new(new TokenBatch([.. rows.SelectMany(row => row.Tokens.Inputs)], [.. rows.SelectMany(row => row.Tokens.Targets)], rows.Length, rows[0].Tokens.Length));

    private static double Fraction(ReadOnlySpan<long> key) => (StatelessRandom.Next(key) >> 11) / (double)(1L << 53);
}
