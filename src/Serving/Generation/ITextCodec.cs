namespace OnnxMoe.Serving.Generation;

/// <summary>Text to token ids and back.</summary>
public interface ITextCodec
{
    /// <summary>The ids of a text's tokens.</summary>
    IReadOnlyList<int> Encode(string text);

    /// <summary>The UTF-8 bytes that a token stands for, which may be part of a character; empty for the end of the text.</summary>
    ReadOnlySpan<byte> Bytes(int token);
}
