using System.Text;
using System.Text.RegularExpressions;

namespace OnnxMoe.Artifacts.Tests.Tokenizers;

/// <summary>Byte-pair encoding as one would write it on a blackboard: count all pairs, merge the best everywhere, repeat.</summary>
internal static partial class PlainBpe
{
    public static List<(int, int)> Train(IEnumerable<string> documents, int vocabularySize)
    {
        var words = documents.SelectMany(text => Split(text)).Select(word => Encoding.UTF8.GetBytes(word).Select(value => (int)value).ToList()).ToList();
        var merges = new List<(int, int)>();
        while (257 + merges.Count < vocabularySize)
        {
            var best = words.SelectMany(word => word.Zip(word.Skip(1))).GroupBy(pair => pair)
                .OrderByDescending(group => group.Count()).ThenBy(group => group.Key.First).ThenBy(group => group.Key.Second).FirstOrDefault();
            if (best == null || best.Count() < 2)
                break;
            words = words.ConvertAll(word => Merge(word, best.Key, 257 + merges.Count));
            merges.Add(best.Key);
        }
        return merges;
    }

    public static int[] Encode(string text, IReadOnlyList<(int Left, int Right)> merges) =>
        [.. Split(text).SelectMany(word => EncodeWord(word, merges))];

    /// <summary>GPT-2's own pattern; right for characters up to U+FFFF.</summary>
    public static IEnumerable<string> Split(string text) => Pattern().Matches(text).Select(match => match.Value);

    private static List<int> EncodeWord(string word, IReadOnlyList<(int Left, int Right)> merges)
    {
        var symbols = Encoding.UTF8.GetBytes(word).Select(value => (int)value).ToList();
        for (var rank = 0; rank < merges.Count; rank++)
            symbols = Merge(symbols, merges[rank], 257 + rank);
        return symbols;
    }

    private static List<int> Merge(List<int> word, (int Left, int Right) pair, int result)
    {
        var merged = new List<int>();
        for (var i = 0; i < word.Count; i++)
            if (i + 1 < word.Count && (word[i], word[i + 1]) == pair)
            {
                merged.Add(result);
                i++;
            }
            else
            {
                merged.Add(word[i]);
            }
        return merged;
    }

    [GeneratedRegex(@"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+")]
    private static partial Regex Pattern();
}
