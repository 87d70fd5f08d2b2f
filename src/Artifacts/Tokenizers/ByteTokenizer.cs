using System.Text;

namespace OnnxMoe.Artifacts.Tokenizers;

/// <summary>Every byte of the UTF-8 text is a token (ids 0 to 255); 256 is the end of a text. Needs no training and no file.</summary>
public sealed class ByteTokenizer : ITokenizer
{
    /// <summary>What a manifest says in place of a tokenizer's file name.</summary>
    public const string Name = "bytes";

    private static readonly byte[] AllBytes = [.. Enumerable.Range(0, 256).Select(value => (byte)value)];

    public int VocabularySize => 257;

    public int EndOfText => 256;

    public int LongestToken => 1;

    public int[] Encode(ReadOnlySpan<char> text)
    {
        var bytes = new byte[Encoding.UTF8.GetByteCount(text)];
        Encoding.UTF8.GetBytes(text, bytes);
        return Encode(bytes);
    }

    /// <summary>The ids of any bytes.</summary>
    public static int[] Encode(byte[] bytes) => Array.ConvertAll(bytes, value => (int)value);

    public ReadOnlySpan<byte> BytesOf(int id) => id switch
    {
        >= 0 and < 256 => AllBytes.AsSpan(id, 1),
        256 => [],
        _ => throw this.NoSuchId(id),
    };
}
