using System.Text.RegularExpressions;

namespace OnnxMoe.Trainer.Training;

/// <summary>BLEU of a corpus (Papineni et al. 2002): the geometric mean of the precisions of 1- to 4-grams of words and punctuation marks, times the brevity penalty.</summary>
public static partial class Bleu
{
    private const int Longest = 4;

    /// <returns>0 to 100.</returns>
    public static double Of(IReadOnlyList<(string Candidate, string Reference)> pairs)
    {
        var (matched, possible) = (new double[Longest], new double[Longest]);
        var (written, expected) = (0, 0);
        foreach (var (candidate, reference) in pairs)
        {
            var (words, right) = (Words(candidate), Words(reference));
            (written, expected) = (written + words.Length, expected + right.Length);
            for (var n = 1; n <= Longest; n++)
            {
                var known = Grams(right, n);
                matched[n - 1] += Grams(words, n).Sum(gram => Math.Min(gram.Value, known.GetValueOrDefault(gram.Key)));
                possible[n - 1] += Math.Max(0, words.Length - n + 1);
            }
        }
        if (matched.Any(count => count == 0))
            return 0;
        var precision = Math.Exp(matched.Zip(possible, (a, b) => Math.Log(a / b)).Average());
        return 100 * precision * (written >= expected ? 1 : Math.Exp(1 - ((double)expected / written)));
    }

    private static string[] Words(string text) => [.. Token().Matches(text).Select(match => match.Value)];

    private static Dictionary<string, int> Grams(string[] words, int n) =>
        Enumerable.Range(0, Math.Max(0, words.Length - n + 1)).GroupBy(i => string.Join(' ', words[i..(i + n)])).ToDictionary(group => group.Key, group => group.Count());

    [GeneratedRegex(@"\w+|[^\w\s]")]
    private static partial Regex Token();
}
