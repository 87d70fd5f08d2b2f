using System.Text;

namespace OnnxMoe.Serving.Generation;

/// <summary>
/// Turns the bytes of tokens into text piece by piece. The bytes of a character that is not complete wait for the next token;
/// bytes that can never become a character are shown as U+FFFD.
/// </summary>
public sealed class Utf8Text
{
    private readonly Decoder _decoder = Encoding.UTF8.GetDecoder();

    /// <summary>Adds bytes and returns the whole characters there are now.</summary>
    public string Push(ReadOnlySpan<byte> bytes) => Decode(bytes, flush: false);

    /// <summary>What is left at the end of the output.</summary>
    public string Flush() => Decode([], flush: true);

    private string Decode(ReadOnlySpan<byte> bytes, bool flush)
    {
        var characters = new char[Encoding.UTF8.GetMaxCharCount(bytes.Length + 4)];
        return new(characters, 0, _decoder.GetChars(bytes, characters, flush));
    }
}
