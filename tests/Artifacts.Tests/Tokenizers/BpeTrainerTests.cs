using OnnxMoe.Artifacts.Tokenizers;

namespace OnnxMoe.Artifacts.Tests.Tokenizers;

public class BpeTrainerTests
{
    [Theory]
    [InlineData(300, 1)]
    [InlineData(400, 2)]
    [InlineData(1000, 3)]
    public void LearnsTheMergesOfThePlainAlgorithm(int vocabularySize, int seed)
    {
        var documents = Texts.Random(seed, 20);
        var tokenizer = BpeTrainer.Train(documents, vocabularySize);
        Assert.Equal(PlainBpe.Train(documents, vocabularySize), tokenizer.Vocabulary.Merges);
        Assert.Equal(257 + tokenizer.Vocabulary.Merges.Count, tokenizer.VocabularySize);
    }

    [Fact]
    public void TheOrderOfTheDocumentsDoesNotMatter()
    {
        var documents = Texts.Random(4, 20);
        var expected = BpeTrainer.Train(documents, 500).Vocabulary.Merges;
        Assert.Equal(expected, BpeTrainer.Train(documents.Reverse(), 500).Vocabulary.Merges);
    }

    [Fact]
    public void AmongEqualCountsTheSmallerIdsGoFirst()
    {
        var merges = BpeTrainer.Train(["yz\nyz\nac\nac\nab\nab"], 260).Vocabulary.Merges;
        Assert.Equal([('a', 'b'), ('a', 'c'), ('y', 'z')], merges.Select(merge => ((char)merge.Left, (char)merge.Right)));
    }

    [Fact]
    public void StopsWhenNoPairOccursTwice()
    {
        var tokenizer = BpeTrainer.Train(["abcabc"], 4096);
        Assert.Equal([('a', 'b'), ((char)257, 'c')], tokenizer.Vocabulary.Merges.Select(merge => ((char)merge.Left, (char)merge.Right)));
        Assert.Equal(259, tokenizer.VocabularySize);
    }

    [Fact]
    public void AVocabularyBelowTheBytesIsRefused() =>
        Assert.Contains("at least 257 tokens", Assert.Throws<UserError>(() => BpeTrainer.Train(["a"], 256)).Message);
}
