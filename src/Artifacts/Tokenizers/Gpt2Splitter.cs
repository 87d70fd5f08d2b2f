using System.Globalization;
using System.Text;

namespace OnnxMoe.Artifacts.Tokenizers;

/// <summary>
/// Cuts text into the pieces inside which bytes are merged, exactly as GPT-2's pattern does:
/// <c>'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+</c>. Written by hand because .NET's regular
/// expressions see letters beyond U+FFFF as two surrogates, and because it is many times faster.
/// </summary>
internal static class Gpt2Splitter
{
    private enum Class : byte
    {
        Letter,
        Number,
        Space,
        Other,
    }

    private static readonly Class[] Classes = [.. Enumerable.Range(0, 0x10000).Select(code => Classify(CharUnicodeInfo.GetUnicodeCategory((char)code), (char)code))];

    /// <summary>The end of the piece that starts at <paramref name="start"/>, which must be before the end of the text.</summary>
    public static int End(ReadOnlySpan<char> text, int start)
    {
        var first = text[start];
        if (first == '\'' && Contraction(text[(start + 1)..]) is var length and > 0)
            return start + 1 + length;
        if (ClassAt(text, start, out var width) is var kind && kind != Class.Space)
            return EndOf(kind, text, start + width);
        if (first == ' ' && start + 1 < text.Length && ClassAt(text, start + 1, out width) is var following && following != Class.Space)
            return EndOf(following, text, start + 1 + width);
        var end = EndOf(Class.Space, text, start + 1);
        // \s+(?!\S): the last blank of a run belongs to the word after it.
        return end < text.Length && end - start > 1 ? end - 1 : end;
    }

    private static int Contraction(ReadOnlySpan<char> rest) => rest switch
    {
        ['s' or 't' or 'm' or 'd', ..] => 1,
        ['r' or 'v', 'e', ..] or ['l', 'l', ..] => 2,
        _ => 0,
    };

    private static int EndOf(Class kind, ReadOnlySpan<char> text, int position)
    {
        while (position < text.Length && ClassAt(text, position, out var width) == kind)
            position += width;
        return position;
    }

    private static Class ClassAt(ReadOnlySpan<char> text, int position, out int width)
    {
        var character = text[position];
        width = 1;
        if (!char.IsHighSurrogate(character) || position + 1 == text.Length || !char.IsLowSurrogate(text[position + 1]))
            return Classes[character];
        width = 2;
        return Classify(Rune.GetUnicodeCategory(new Rune(character, text[position + 1])), character);
    }

    private static Class Classify(UnicodeCategory category, char character) => category switch
    {
        <= UnicodeCategory.OtherLetter => Class.Letter,
        UnicodeCategory.DecimalDigitNumber or UnicodeCategory.LetterNumber or UnicodeCategory.OtherNumber => Class.Number,
        _ => char.IsWhiteSpace(character) ? Class.Space : Class.Other,
    };
}
