using OnnxMoe.Artifacts.Tokenizers;

namespace OnnxMoe.Artifacts.Tests.Tokenizers;

public class IncrementalDecoderTests
{
    [Fact]
    public void PiecesAreWholeCharactersAndTogetherTheText()
    {
        foreach (var text in Texts.Awkward)
        {
            var tokenizer = new ByteTokenizer();
            var decoder = new IncrementalDecoder(tokenizer);
            var pieces = tokenizer.Encode(text).Select(decoder.Add).ToList();
            Assert.All(pieces, piece => Assert.DoesNotContain('\uFFFD', piece));
            Assert.All(pieces, piece => Assert.False(piece.Length == 1 && char.IsSurrogate(piece[0])));
            Assert.Equal("", decoder.Finish());
            Assert.Equal(text, string.Concat(pieces));
        }
    }

    [Fact]
    public void AnUnfinishedCharacterBecomesAReplacementAtTheEnd()
    {
        var decoder = new IncrementalDecoder(new ByteTokenizer());
        Assert.Equal("", decoder.Add(0xE6));
        Assert.Equal("", decoder.Add(0x97));
        Assert.Equal("\uFFFD", decoder.Finish());
        Assert.Equal("a", decoder.Add('a'));
    }

    [Fact]
    public void InvalidBytesDoNotHoldBackWhatFollows()
    {
        var decoder = new IncrementalDecoder(new ByteTokenizer());
        Assert.Equal("", decoder.Add(0xE6));
        Assert.Equal("\uFFFDa", decoder.Add('a'));
    }
}
