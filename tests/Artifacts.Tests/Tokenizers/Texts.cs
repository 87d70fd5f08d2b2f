using System.Text;

namespace OnnxMoe.Artifacts.Tests.Tokenizers;

/// <summary>Texts that tokenizers trip over.</summary>
internal static class Texts
{
    public static readonly string[] Awkward =
    [
        "", " ", "  ", "\n", "\r\n\r\n  x", "   leading", "trailing   ", "a  b   c\t\td \n e", "don't we'll I'm he's they've you're she'd DON'T 'tis ''s 's",
        " 's", "naïve café", "日本語のテキスト。", "Привет, мир", "مرحبا بالعالم", "👍🏽👨‍👩‍👧‍👦 ok", "𝔘𝔫𝔦𝔠𝔬𝔡𝔢 𠀀𠀁", "x²½Ⅷ１２３", "3.14159 1,000,000", "{\"a\": [1, 2]}",
        "snake_case CamelCase kebab-case", "\u00a0nbsp\u2003em\u3000wide", "e\u0301 combining", "\0\u0001\u007f", "<|endoftext|>", "a<|endoftext|>b <|endoftext|><|endoftext|>", "<|endoftext", "!!!???...", new('a', 300), new(' ', 70), "tab\tthen  spaces  \n\n\n end",
    ];

    private static readonly string[] Parts = ["the", "there", "then", " ", " ", "  ", "\n", "'s", "'ll", "ing", "station", "nation", "12", "é", "日本", "aaaa", ".", "--", "\t"];

    /// <summary>Documents of repeating parts, up to U+FFFF.</summary>
    public static string[] Random(int seed, int count)
    {
        var random = new Random(seed);
        return [.. Enumerable.Range(0, count).Select(_ => string.Concat(Enumerable.Range(0, random.Next(60)).Select(_ => Parts[random.Next(Parts.Length)])))];
    }

    /// <summary>Any valid Unicode.</summary>
    public static string RandomUnicode(Random random, int length)
    {
        var text = new StringBuilder();
        while (length-- > 0)
        {
            var code = random.Next(4) switch { 0 => random.Next(0x80), 1 => random.Next(0x800), 2 => random.Next(0x10000), _ => random.Next(0x110000) };
            text.Append(Rune.IsValid(code) ? new Rune(code) : Rune.ReplacementChar);
        }
        return text.ToString();
    }
}
