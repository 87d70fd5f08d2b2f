namespace OnnxMoe.Artifacts.Tokenizers;

/// <summary>
/// GPT-2's way to write any bytes as printable characters: printable bytes of Latin-1 stand for themselves, the others for
/// U+0100 and on. Vocabularies and merges in tokenizer.json are written in this alphabet.
/// </summary>
internal static class ByteAlphabet
{
    private static readonly char[] Characters = MakeCharacters();
    private static readonly Dictionary<char, byte> Bytes = Characters.Select((character, value) => (character, value)).ToDictionary(pair => pair.character, pair => (byte)pair.value);

    /// <summary>The bytes in the alphabet.</summary>
    public static string Write(ReadOnlySpan<byte> bytes)
    {
        Span<char> text = bytes.Length <= 256 ? stackalloc char[bytes.Length] : new char[bytes.Length];
        for (var i = 0; i < bytes.Length; i++)
            text[i] = Characters[bytes[i]];
        return new string(text);
    }

    /// <summary>The bytes that <paramref name="text"/> stands for, or null when a character is not of the alphabet.</summary>
    public static byte[]? Read(string text)
    {
        var bytes = new byte[text.Length];
        for (var i = 0; i < bytes.Length; i++)
            if (!Bytes.TryGetValue(text[i], out bytes[i]))
                return null;
        return bytes;
    }

    private static char[] MakeCharacters()
    {
        var next = 256;
        var characters = new char[256];
        for (var value = 0; value < 256; value++)
            characters[value] = value is >= '!' and <= '~' or >= 0xA1 and <= 0xAC or >= 0xAE ? (char)value : (char)next++;
        return characters;
    }
}
