namespace OnnxMoe.Artifacts.Tokenizers;

/// <summary>Turns text into token ids and back. Safe for use by several threads.</summary>
public interface ITokenizer
{
    /// <summary>Number of token ids, special ones included; ids are 0 to this minus 1.</summary>
    int VocabularySize { get; }

    /// <summary>The id that ends a document.</summary>
    int EndOfText { get; }

    /// <summary>The most UTF-16 characters of a text that one token stands for.</summary>
    int LongestToken { get; }

    /// <summary>The ids of a text, without an end-of-text id added.</summary>
    int[] Encode(ReadOnlySpan<char> text);

    /// <summary>The UTF-8 bytes of one token, which may be a part of a character; none for special tokens.</summary>
    /// <exception cref="UserError">No such id.</exception>
    ReadOnlySpan<byte> BytesOf(int id);
}
