using OnnxMoe.Artifacts.Tests.Support;
using OnnxMoe.Artifacts.Tokenizers;

namespace OnnxMoe.Artifacts.Tests.Tokenizers;

public sealed class BpeTokenizerTests : IDisposable
{
    private static readonly BpeTokenizer Trained = BpeTrainer.Train([.. Texts.Random(1, 50), .. Texts.Awkward], 600);
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void AnyTextComesBack()
    {
        var random = new Random(5);
        foreach (var text in Texts.Awkward.Concat(Texts.Random(2, 50)).Concat(Enumerable.Range(0, 200).Select(_ => Texts.RandomUnicode(random, random.Next(50)))))
        {
            var ids = Trained.Encode(text);
            Assert.Equal(text.Replace("<|endoftext|>", ""), Trained.Decode(ids));
            Assert.Equal(ids, Trained.Encode(text)); // the second time from the cache
        }
    }

    [Fact]
    public void EveryByteHasAToken() =>
        Assert.Equal(Enumerable.Range(0, 256), Enumerable.Range(0, 256).Select(id => (int)Trained.BytesOf(id)[0]));

    [Fact]
    public void EncodesAsThePlainAlgorithmDoes()
    {
        foreach (var text in Texts.Random(3, 100).Concat(Texts.Awkward.Where(text => !text.Contains("<|") && !text.Any(char.IsSurrogate))))
            Assert.Equal(PlainBpe.Encode(text, Trained.Vocabulary.Merges), Trained.Encode(text));
    }

    [Fact]
    public void AVeryLongPieceIsNoTrouble()
    {
        var text = string.Concat(Enumerable.Repeat("there", 40_000));
        Assert.Equal(text, Trained.Decode(Trained.Encode(text)));
    }

    [Fact]
    public void TheEndOfTextIsFoundInTheText() =>
        Assert.Equal([97, 256, 98], Trained.Encode("a<|endoftext|>b"));

    [Fact]
    public void ManyThreadsGetTheSameIds()
    {
        var texts = Texts.Random(9, 200);
        var expected = Array.ConvertAll(texts, text => Trained.Encode(text));
        var fresh = new BpeTokenizer(Trained.Vocabulary);
        Parallel.For(0, texts.Length, i => Assert.Equal(expected[i], fresh.Encode(texts[i])));
    }

    [Fact]
    public void WhatWasSavedIsLoaded()
    {
        Trained.Save(_folder["tokenizer.json"]);
        var loaded = BpeTokenizer.Load(_folder["tokenizer.json"]);
        Assert.Equal(Trained.VocabularySize, loaded.VocabularySize);
        Assert.Equal(Trained.EndOfText, loaded.EndOfText);
        Assert.All(Texts.Awkward, text => Assert.Equal(Trained.Encode(text), loaded.Encode(text)));
        loaded.Save(_folder["again.json"]);
        Assert.Equal(File.ReadAllText(_folder["tokenizer.json"]), File.ReadAllText(_folder["again.json"]));
    }

    [Fact]
    public void AnIdOutsideTheVocabularyIsAnError()
    {
        var last = Trained.VocabularySize - 1;
        Assert.Contains($"token ids are 0 to {last}", Assert.Throws<UserError>(() => Trained.Decode([last + 1])).Message);
        Assert.Throws<UserError>(() => Trained.Decode([-1]));
    }
}
