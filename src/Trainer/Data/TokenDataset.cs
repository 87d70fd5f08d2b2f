using OnnxMoe.Artifacts;
using OnnxMoe.Artifacts.Tokenizers;

namespace OnnxMoe.Trainer.Data;

/// <summary>Text as tokens: the tokenizer and the three splits.</summary>
/// <param name="Tokenizer">Learnt from the training split, or bytes.</param>
/// <param name="Train">Tokens to learn from.</param>
/// <param name="Validation">Tokens to measure progress on.</param>
/// <param name="Test">Tokens for the final figure; may be empty for own text.</param>
public sealed record TokenDataset(ITokenizer Tokenizer, TokenStream Train, TokenStream Validation, TokenStream Test)
{
    /// <summary>
    /// Loads the text, learns the tokenizer and encodes; both results are kept in the cache folder under a hash of the text and the
    /// settings, so that the next run starts at once.
    /// </summary>
    /// <param name="options">Which text and which tokenizer.</param>
    /// <param name="log">Where progress is told.</param>
    /// <exception cref="UserError">The text is missing, empty, too small or not UTF-8; the disk is full.</exception>
    public static TokenDataset Open(DataOptions options, TextWriter log)
    {
        var corpus = TextCorpus.Load(options);
        var cache = new TokenCache(options, corpus);
        if (cache.Load() is { } cached)
            return cached;
        var tokenizer = MakeTokenizer(options, corpus, log);
        log.WriteLine($"Encoding {corpus.Train.Count + corpus.Validation.Count + corpus.Test.Count} documents");
        var dataset = new TokenDataset(tokenizer, Encode("train", corpus.Train, tokenizer), Encode("validation", corpus.Validation, tokenizer), Encode("test", corpus.Test, tokenizer));
        cache.Save(dataset);
        return dataset;
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

    private static ITokenizer MakeTokenizer(DataOptions options, TextCorpus corpus, TextWriter log)
    {
        if (options.Tokenizer == ByteTokenizer.Name)
            return new ByteTokenizer();
        if (options.Tokenizer != "bpe")
            throw new UserError($"Data:Tokenizer is '{options.Tokenizer}'; it can be bpe or bytes.");
        log.WriteLine($"Learning a vocabulary of {options.VocabularySize} tokens from {corpus.Train.Sum(document => (long)document.Text.Length) / 1e6:0.0} million characters");
        return BpeTrainer.Train(corpus.Train.Select(document => document.Text), options.VocabularySize);
    }

    private static TokenStream Encode(string name, IReadOnlyList<TextDocument> documents, ITokenizer tokenizer)
    {
        var tokens = new List<int>();
        foreach (var document in documents)
        {
            tokens.AddRange(tokenizer.Encode(document.Text));
            tokens.Add(tokenizer.EndOfText);
        }
        return new TokenStream(name, [.. tokens]);
    }
}
