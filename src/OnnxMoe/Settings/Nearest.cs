namespace OnnxMoe.Cli.Settings;

/// <summary>Finds the known word that a mistyped one most likely meant.</summary>
public static class Nearest
{
    /// <summary>The candidate with the smallest edit distance to the word (letter case aside); the first of several.</summary>
    public static string Of(string word, IEnumerable<string> candidates) =>
        candidates.MinBy(c => Distance(word.ToLowerInvariant(), c.ToLowerInvariant())) ?? "";

    /// <summary>
    /// The key most like the given one, where the last part counts most: a right name in a wrong or missing section is found.
    /// </summary>
    public static string Key(string key, IEnumerable<string> candidates)
    {
        var (section, name) = SplitKey(key.ToLowerInvariant());
        return candidates.MinBy(candidate =>
        {
            var (otherSection, otherName) = SplitKey(candidate.ToLowerInvariant());
            return 2 * Distance(name, otherName) + Math.Min(2, Distance(section, otherSection));
        }) ?? "";
    }

    static (string Section, string Name) SplitKey(string key)
    {
        var colon = key.LastIndexOf(':');
        return colon < 0 ? ("", key) : (key[..colon], key[(colon + 1)..]);
    }

    /// <summary>Insertions, deletions, replacements and swaps of neighbours that turn one word into the other.</summary>
    public static int Distance(string a, string b)
    {
        var table = new int[a.Length + 1, b.Length + 1];
        for (var i = 0; i <= a.Length; i++)
        {
            for (var j = 0; j <= b.Length; j++)
            {
                if (i == 0 || j == 0)
                {
                    table[i, j] = i + j;
                    continue;
                }
                var replaced = table[i - 1, j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
                table[i, j] = Math.Min(replaced, 1 + Math.Min(table[i - 1, j], table[i, j - 1]));
                if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                    table[i, j] = Math.Min(table[i, j], table[i - 2, j - 2] + 1);
            }
        }
        return table[a.Length, b.Length];
    }
}
