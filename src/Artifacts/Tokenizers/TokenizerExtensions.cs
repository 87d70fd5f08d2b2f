using System.Text;

namespace OnnxMoe.Artifacts.Tokenizers;

/// <summary>What can be said of every tokenizer.</summary>
public static class TokenizerExtensions
{
    /// <summary>The bytes of a sequence of ids; special tokens give none.</summary>
    /// <exception cref="UserError">No such id.</exception>
    public static byte[] DecodeBytes(this ITokenizer tokenizer, ReadOnlySpan<int> ids)
    {
        var bytes = new MemoryStream(ids.Length * 4);
        foreach (var id in ids)
            bytes.Write(tokenizer.BytesOf(id));
        return bytes.ToArray();
    }

    /// <summary>The text of a sequence of ids; bytes that are not UTF-8 become U+FFFD.</summary>
    /// <exception cref="UserError">No such id.</exception>
    public static string Decode(this ITokenizer tokenizer, ReadOnlySpan<int> ids) => Encoding.UTF8.GetString(tokenizer.DecodeBytes(ids));

    internal static UserError NoSuchId(this ITokenizer tokenizer, int id) =>
        new($"There is no token {id}: token ids are 0 to {tokenizer.VocabularySize - 1}.");
}
