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
        var corpus = TextCorpus.Load(options)[0];
        Assert.Equal(string.Concat(corpus.Train.Select(document => document.Text)), dataset.Tokenizer.Decode(dataset.Domains[0].Train.Tokens));
        Assert.Equal(corpus.Train.Count, dataset.Domains[0].Train.Tokens.ToArray().Count(token => token == dataset.Tokenizer.EndOfText));
        Assert.Equal(corpus.Validation.Sum(document => document.Text.Length), dataset.CountBytes(dataset.Domains[0].Validation.Tokens));
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
        Assert.Equal(first.Domains[0].Train.Tokens, second.Domains[0].Train.Tokens);
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
        Assert.Equal(first.Domains[0].Train.Tokens, second.Domains[0].Train.Tokens);
        Assert.True(new FileInfo(file).Length > 100);
    }

    [Fact]
    public void ALossInBitsPerByteDoesNotDependOnTheTokenizer()
    {
        var dataset = TokenDataset.Open(_folder.Options, TextWriter.Null);
        var covered = dataset.Domains[0].Validation.Covered(16);
        var loss = dataset.LossOf(2.5, covered);
        Assert.Equal(2.5, loss.NatsPerToken);
        Assert.Equal(2.5 / Math.Log(2) * (covered.Length - 1), loss.BitsPerByte * dataset.CountBytes(covered[1..]), 1e-6);
    }

    [Fact]
    public void EachSourceIsADomainAndTheTokenizerIsLearntFromAll()
    {
        var options = _folder.Options;
        var other = _folder.Add("more/zebra.txt", string.Concat(Enumerable.Repeat("zebra crossing\n", 100))).Texts + "/more";
        options.Source = $"{_folder.Texts}/doc1.txt,{other}";
        options.Shares = [3, 1];
        var dataset = TokenDataset.Open(options, TextWriter.Null);
        Assert.Equal([($"{_folder.Texts}/doc1.txt", 0.75), (other, 0.25)], dataset.Domains.Select(domain => (domain.Name, domain.Share)));
        var corpora = TextCorpus.Load(options);
        foreach (var (corpus, domain) in corpora.Zip(dataset.Domains))
        {
            Assert.Equal(string.Concat(corpus.Train.Select(document => document.Text)), dataset.Tokenizer.Decode(domain.Train.Tokens));
            Assert.Equal(string.Concat(corpus.Test.Select(document => document.Text)), dataset.Tokenizer.Decode(domain.Test.Tokens));
        }
        foreach (var word in (string[])["zebra", " people"])
            Assert.InRange(dataset.Tokenizer.Encode(word).Length, 1, 3); // words of both texts have become tokens
        Assert.Equal(dataset.Domains.Sum(domain => domain.Train.Tokens.Length), dataset.TrainingTokens);
    }

    [Fact]
    public void OtherSharesOrNamesOfTheSameTextsNeedNoNewCacheEntry()
    {
        var options = _folder.Options;
        options.Source = $"{_folder.Texts}/doc1.txt,{_folder.Texts}/doc2.txt";
        var first = TokenDataset.Open(options, TextWriter.Null);
        (options.Source, options.Shares) = ($"{_folder.Texts}/./doc1.txt,{_folder.Texts}/doc2.txt", [0, 1]);
        var log = new StringWriter();
        var second = TokenDataset.Open(options, log);
        Assert.Empty(log.ToString());
        Assert.Equal(first.Domains[1].Train.Tokens, second.Domains[1].Train.Tokens);
        options.Source = $"{_folder.Texts}/doc2.txt,{_folder.Texts}/doc1.txt";
        Assert.Equal(first.Domains[1].Train.Tokens, TokenDataset.Open(options, log).Domains[0].Train.Tokens);
        Assert.Equal(2, Directory.GetDirectories(_folder.Cache).Length);
    }
}
