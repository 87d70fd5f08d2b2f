using OnnxMoe.Artifacts.Tokenizers;

namespace OnnxMoe.Artifacts.Tests.Tokenizers;

public class ByteTokenizerTests
{
    private readonly ByteTokenizer _tokenizer = new();

    [Fact]
    public void AnyBytesComeBack()
    {
        var bytes = new byte[10_000];
        new Random(3).NextBytes(bytes);
        Assert.Equal(bytes, _tokenizer.DecodeBytes(ByteTokenizer.Encode(bytes)));
    }

    [Fact]
    public void AnyTextComesBack() =>
        Assert.All(Texts.Awkward, text => Assert.Equal(text, _tokenizer.Decode(_tokenizer.Encode(text))));

    [Fact]
    public void TheEndOfTextHasNoBytes()
    {
        Assert.Equal("ab", _tokenizer.Decode([97, _tokenizer.EndOfText, 98]));
        Assert.Throws<UserError>(() => _tokenizer.Decode([257]));
    }
}
