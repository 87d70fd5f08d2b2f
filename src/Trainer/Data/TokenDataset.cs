using OnnxMoe.Artifacts;
using OnnxMoe.Artifacts.Tokenizers;

namespace OnnxMoe.Trainer.Data;

/// <summary>Text as tokens: the tokenizer and the domains, one for each source.</summary>
/// <param name="Tokenizer">Learnt from the training splits of all sources as they are, whatever their shares; or bytes.</param>
/// <param name="Domains">In the order of <c>Data:Source</c>.</param>
public sealed record TokenDataset(ITokenizer Tokenizer, IReadOnlyList<TextDomain> Domains)
{
    /// <summary>What training batches are drawn from.</summary>
    public TrainingMix Training { get; } = new(Domains);

    /// <summary>Number of training tokens of all domains.</summary>
    public long TrainingTokens => Domains.Sum(domain => (long)domain.Train.Tokens.Length);

    /// <summary>
    /// Loads the texts, learns the tokenizer and encodes; both results are kept in the cache folder under a hash of the texts and the
    /// settings, so that the next run starts at once.
    /// </summary>
    /// <param name="options">Which texts and which tokenizer.</param>
    /// <param name="log">Where progress is told.</param>
    /// <exception cref="UserError">A text is missing, empty, too small or not UTF-8; the sources or shares do not fit; the disk is full.</exception>
    public static TokenDataset Open(DataOptions options, TextWriter log)
    {
        var sources = TextSource.Of(options);
        var corpora = TextCorpus.Load(options);
        var cache = new TokenCache(options, corpora);
        var text = cache.Load();
        if (text is null)
            cache.Save(text = Encode(options, corpora, log));
        return new TokenDataset(text.Tokenizer, [.. sources.Zip(text.Sources, (source, tokens) => new TextDomain(source.Name, source.Share,
            Stream(source, "train", tokens.Train), Stream(source, "validation", tokens.Validation), Stream(source, "test", tokens.Test)))]);

        TokenStream Stream(TextSource source, string split, int[] tokens) => new(sources.Count == 1 ? split : $"{source.Name} {split}", tokens);
    }

    /// <summary>UTF-8 bytes of the text that the tokens stand for.</summary>
    public long CountBytes(ReadOnlySpan<int> tokens)
    {
        var bytes = 0L;
        foreach (var token in tokens)
            bytes += Tokenizer.BytesOf(token).Length;
        return bytes;
    }

    /// <summary>The loss on <paramref name="covered"/> (see <see cref="TokenStream.Covered"/>), also as bits a byte, which compares tokenizers.</summary>
    /// <param name="natsPerToken">Mean negative log-likelihood of all but the first token.</param>
    /// <param name="covered">The predicted tokens, preceded by the one before.</param>
    public TextLoss LossOf(double natsPerToken, ReadOnlySpan<int> covered) =>
        new(natsPerToken, natsPerToken * (covered.Length - 1) / Math.Log(2) / Math.Max(1, CountBytes(covered[1..])));

    private static EncodedText Encode(DataOptions options, IReadOnlyList<TextCorpus> corpora, TextWriter log)
    {
        var tokenizer = MakeTokenizer(options, corpora, log);
        log.WriteLine($"Encoding {corpora.Sum(corpus => corpus.Train.Count + corpus.Validation.Count + corpus.Test.Count)} documents");
        return new EncodedText(tokenizer, [.. corpora.Select(corpus => new SplitTokens(Tokens(corpus.Train), Tokens(corpus.Validation), Tokens(corpus.Test)))]);

        int[] Tokens(IReadOnlyList<TextDocument> documents) => [.. documents.SelectMany(document => tokenizer.Encode(document.Text).Append(tokenizer.EndOfText))];
    }

    private static ITokenizer MakeTokenizer(DataOptions options, IReadOnlyList<TextCorpus> corpora, TextWriter log)
    {
        if (options.Tokenizer == ByteTokenizer.Name)
            return new ByteTokenizer();
        if (options.Tokenizer != "bpe")
            throw new UserError($"Data:Tokenizer is '{options.Tokenizer}'; it can be bpe or bytes.");
        var texts = corpora.SelectMany(corpus => corpus.Train).Select(document => document.Text);
        log.WriteLine($"Learning a vocabulary of {options.VocabularySize} tokens from {texts.Sum(text => (long)text.Length) / 1e6:0.0} million characters");
        return BpeTrainer.Train(texts, options.VocabularySize);
    }
}
