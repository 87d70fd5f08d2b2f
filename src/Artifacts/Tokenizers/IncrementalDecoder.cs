using System.Text;

namespace OnnxMoe.Artifacts.Tokenizers;

/// <summary>
/// Decodes a growing sequence of ids. A character whose bytes are spread over several tokens comes out when its last byte is
/// there, so the pieces are always whole characters and together are the decoded text.
/// </summary>
public sealed class IncrementalDecoder(ITokenizer tokenizer)
{
    private readonly Decoder _decoder = Encoding.UTF8.GetDecoder();

    /// <summary>Adds one id and returns the text it completes, which may be empty.</summary>
    public string Add(int id) => Convert(tokenizer.BytesOf(id), flush: false);

    /// <summary>Ends the sequence and returns what is left: U+FFFD for an unfinished character, else nothing.</summary>
    public string Finish() => Convert([], flush: true);

    private string Convert(ReadOnlySpan<byte> bytes, bool flush)
    {
        var characters = new char[_decoder.GetCharCount(bytes, flush)];
        _decoder.GetChars(bytes, characters, flush);
        return new string(characters);
    }
}
