using OnnxMoe.Artifacts;
using OnnxMoe.Artifacts.Tokenizers;

namespace OnnxMoe.Trainer.Data;

/// <summary>Sentences that are to be translated. Both languages have one tokenizer, so that names can be copied.</summary>
public sealed class Translations : TokenTask
{
    private readonly TokenPair[] _train;
    private readonly TokenPair[] _validation;
    private readonly TokenPair[] _test;
    private readonly int _evaluationTokens;

    private Translations(ITokenizer tokenizer, ParallelText text, int most, int evaluationTokens) : base(tokenizer)
    {
        _evaluationTokens = evaluationTokens;
        (_train, _validation, _test) = (Encode(text.Train), Encode(text.Validation), Encode(text.Test));

        // A side needs room for the end of the text, or its stand-in for the beginning.
        TokenPair[] Encode(IReadOnlyList<SentencePair> pairs) =>
            [.. pairs.Select(pair => new TokenPair([.. tokenizer.Encode(pair.Source)], [.. tokenizer.Encode(pair.Target)], pair.Target)).Where(pair => Math.Max(pair.Source.Length, pair.Target.Length) < most)];
    }

    /// <exception cref="UserError">The data are not there, or no sentence is short enough.</exception>
    public static Translations Open(DataOptions options, int contextLength, int evaluationTokens, TextWriter log)
    {
        var text = ParallelText.Load(options);
        var both = text.Train.SelectMany(pair => new[] { pair.Source, pair.Target }).ToArray();
        if (options.Tokenizer != ByteTokenizer.Name)
            log.WriteLine($"Learning a vocabulary of {options.VocabularySize} tokens from {both.Length / 2:N0} sentences in two languages");
        ITokenizer tokenizer = options.Tokenizer == ByteTokenizer.Name ? new ByteTokenizer() : BpeTrainer.Train(both, options.VocabularySize);
        var translations = new Translations(tokenizer, text, contextLength, evaluationTokens);
        return translations._train.Length > 0 && translations._validation.Length > 0 && translations._test.Length > 0 ? translations : throw TooLong(options, contextLength);
    }

    /// <summary>Those to measure on alone: to learn the vocabulary and to encode what was trained on takes most of the time.</summary>
    /// <exception cref="UserError">The data are not there, or no sentence is short enough.</exception>
    public static Translations OpenHeldOut(DataOptions options, int contextLength, int evaluationTokens, ITokenizer tokenizer)
    {
        var translations = new Translations(tokenizer, ParallelText.Load(options) with { Train = [] }, contextLength, evaluationTokens);
        return translations._validation.Length > 0 && translations._test.Length > 0 ? translations : throw TooLong(options, contextLength);
    }

    /// <summary>Sentences of the test data with their translations.</summary>
    public IReadOnlyList<TokenPair> Test => _test;

    public override TaskBatch Batch(long seed, int step, int part, int rows) =>
        Collate([.. Enumerable.Range(0, rows).Select(row => _train[(int)(StatelessRandom.Next(seed, step, part, row) % (ulong)_train.Length)])]);

    public override IEnumerable<TaskBatch> HeldOut(bool test, int rows)
    {
        var (pairs, count, tokens) = (test ? _test : _validation, 0, 0L);
        while (count < pairs.Length && tokens < _evaluationTokens)
            tokens += pairs[count++].Target.Length + 1;
        return pairs.Take(count).Chunk(rows).Select(Collate);
    }

    public override string Describe() => $"{_train.Length:N0} training sentences";

    private static UserError TooLong(DataOptions options, int contextLength) =>
        new($"No sentences of {options.Source} are left: with Data:MaxWords {options.MaxWords} and Model:ContextLength {contextLength} all are too long.");

    /// <summary>Pads the sentences on the right. What is written begins with the end of a text, in place of a beginning, and ends with it.</summary>
    public TaskBatch Collate(IReadOnlyList<TokenPair> pairs)
    {
        long end = Tokenizer.EndOfText;
        int source = pairs.Max(pair => pair.Source.Length) + 1, target = pairs.Max(pair => pair.Target.Length) + 1;
        long[] Rows(int length, Func<TokenPair, IEnumerable<long>> of, long padding) => [.. pairs.SelectMany(pair => of(pair).Concat(Enumerable.Repeat(padding, length)).Take(length))];
        return new TaskBatch(new TokenBatch(
            Rows(target, pair => pair.Target.Select(id => (long)id).Prepend(end), end),
            Rows(target, pair => pair.Target.Select(id => (long)id).Append(end), TaskBatch.Ignored), pairs.Count, target))
        {
            Source = new SourceText(Rows(source, pair => pair.Source.Select(id => (long)id).Append(end), end), Rows(source, pair => Enumerable.Repeat(1L, pair.Source.Length + 1), 0), source),
        };
    }
}
