using System.Text;

namespace OnnxMoe.Trainer.Data;

/// <summary>
/// Makes text plain, so that a small vocabulary is not spent on typography: curly quotes become ' and ", dashes - and --, an ellipsis
/// three dots, every kind of blank one space, runs of spaces one space, runs of empty lines one empty line; control characters
/// and blanks at the ends of lines go.
/// </summary>
internal static class TextCleaner
{
    public static string Clean(string text)
    {
        var result = new StringBuilder(text.Length);
        foreach (var character in text)
        {
            if (character == '\n')
                EndLine(result);
            else if (char.IsWhiteSpace(character))
                AddSpace(result);
            else if (Plain(character) is { } plain)
                result.Append(plain);
            else if (!char.IsControl(character))
                result.Append(character);
        }
        return result.ToString().Trim();
    }

    private static string? Plain(char character) => character switch
    {
        '\u2018' or '\u2019' or '\u201A' or '\u2032' => "'",
        '\u201C' or '\u201D' or '\u201E' or '\u2033' => "\"",
        '\u2010' or '\u2011' or '\u2012' or '\u2013' => "-",
        '\u2014' or '\u2015' => "--",
        '\u2026' => "...",
        '\u200B' or '\uFEFF' or '\u00AD' => "", // zero-width space, byte order mark, soft hyphen
        _ => null,
    };

    private static void EndLine(StringBuilder result)
    {
        while (result.Length > 0 && result[^1] == ' ')
            result.Length--;
        if (!(result.Length >= 2 && result[^1] == '\n' && result[^2] == '\n'))
            result.Append('\n');
    }

    private static void AddSpace(StringBuilder result)
    {
        if (result.Length > 0 && result[^1] is not (' ' or '\n'))
            result.Append(' ');
    }
}
