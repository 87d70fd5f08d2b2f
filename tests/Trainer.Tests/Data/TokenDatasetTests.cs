using OnnxMoe.Artifacts.Tokenizers;
using OnnxMoe.Trainer.Data;

namespace OnnxMoe.Trainer.Tests.Data;

public sealed class TokenDatasetTests : IDisposable
{
    private readonly CorpusFolder _folder = new CorpusFolder().AddTen();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("bpe")]
    [InlineData("bytes")]
    public void TheTokensAreTheText(string tokenizer)
    {
        var options = _folder.Options;
        options.Tokenizer = tokenizer;
        var dataset = TokenDataset.Open(options, TextWriter.Null);
        var corpus = TextCorpus.Load(options);
        Assert.Equal(string.Concat(corpus.Train.Select(document => document.Text)), dataset.Tokenizer.Decode(dataset.Train.Tokens));
        Assert.Equal(corpus.Train.Count, dataset.Train.Tokens.ToArray().Count(token => token == dataset.Tokenizer.EndOfText));
        Assert.Equal(corpus.Validation.Sum(document => document.Text.Length), dataset.CountBytes(dataset.Validation.Tokens));
    }

    [Fact]
    public void TheSecondTimeItComesFromTheCache()
    {
        var log = new StringWriter();
        var first = TokenDataset.Open(_folder.Options, log);
        Assert.Contains("Learning a vocabulary of 300 tokens", log.ToString());
        log.GetStringBuilder().Clear();
        var second = TokenDataset.Open(_folder.Options, log);
        Assert.Empty(log.ToString());
        Assert.Equal(first.Train.Tokens, second.Train.Tokens);
        Assert.Equal(first.Tokenizer.Encode("the people"), second.Tokenizer.Encode("the people"));
        Assert.Single(Directory.GetDirectories(_folder.Cache));
    }

    [Fact]
    public void OtherTextOrAnotherTokenizerIsAnotherEntry()
    {
        var options = _folder.Options;
        TokenDataset.Open(options, TextWriter.Null);
        options.Tokenizer = "bytes";
        TokenDataset.Open(options, TextWriter.Null);
        _folder.Add("new.txt", "more text");
        TokenDataset.Open(options, TextWriter.Null);
        Assert.Equal(3, Directory.GetDirectories(_folder.Cache).Length);
    }

    [Theory]
    [InlineData("tokens.safetensors")]
    [InlineData("tokenizer.json")]
    public void ADamagedCacheIsMadeAgain(string name)
    {
        var first = TokenDataset.Open(_folder.Options, TextWriter.Null);
        var file = Path.Combine(Directory.GetDirectories(_folder.Cache).Single(), name);
        using (var stream = File.OpenWrite(file))
            stream.SetLength(100);
        var second = TokenDataset.Open(_folder.Options, TextWriter.Null);
        Assert.Equal(first.Train.Tokens, second.Train.Tokens);
        Assert.True(new FileInfo(file).Length > 100);
    }

    [Fact]
    public void ALossInBitsPerByteDoesNotDependOnTheTokenizer()
    {
        var dataset = TokenDataset.Open(_folder.Options, TextWriter.Null);
        var covered = dataset.Validation.Covered(16);
        var loss = dataset.LossOf(2.5, covered);
        Assert.Equal(2.5, loss.NatsPerToken);
        Assert.Equal(2.5 / Math.Log(2) * (covered.Length - 1), loss.BitsPerByte * dataset.CountBytes(covered[1..]), 1e-6);
    }
}
