using System.Runtime.InteropServices;
using System.Text;

namespace OnnxMoe.Artifacts.Tokenizers;

/// <summary>
/// Learns a byte-level BPE vocabulary. Ids: 0 to 255 are the bytes, 256 the end of a text, then one for each merge. Deterministic:
/// the most frequent pair is merged, among equals the one with the smaller left id, then the smaller right id; the order of the
/// documents does not matter.
/// </summary>
public static class BpeTrainer
{
    /// <summary>The smallest vocabulary: all bytes and the end of a text.</summary>
    public const int SmallestVocabulary = 257;

    /// <param name="documents">The training texts.</param>
    /// <param name="vocabularySize">Number of ids; fewer come out when no pair of the text occurs twice any more.</param>
    /// <exception cref="UserError">The vocabulary is smaller than <see cref="SmallestVocabulary"/>.</exception>
    public static BpeTokenizer Train(IEnumerable<string> documents, int vocabularySize)
    {
        if (vocabularySize < SmallestVocabulary)
            throw new UserError($"A byte-level BPE vocabulary needs at least {SmallestVocabulary} tokens (256 bytes and the end of text), not {vocabularySize}.");
        var tokens = Enumerable.Range(0, 256).Select(value => (byte[])[(byte)value]).Append(Encoding.UTF8.GetBytes(BpeTokenizer.EndOfTextContent)).ToList<byte[]?>();
        var merges = new List<(int, int)>();
        var pairs = new BpePairCounts(CountWords(documents));
        var known = tokens.Select(token => Encoding.Latin1.GetString(token!)).ToHashSet(StringComparer.Ordinal);
        while (tokens.Count < vocabularySize && pairs.TakeMostFrequent(out var left, out var right))
        {
            byte[] bytes = [.. tokens[left]!, .. tokens[right]!];
            if (!known.Add(Encoding.Latin1.GetString(bytes)))
                continue; // the same bytes by another way: a vocabulary holds a token once
            pairs.Merge(left, right, tokens.Count);
            tokens.Add(bytes);
            merges.Add((left, right));
        }
        return new BpeTokenizer(new BpeVocabulary(tokens, merges, [new AddedToken(256, BpeTokenizer.EndOfTextContent, Special: true)]));
    }

    /// <summary>How often each piece of the texts occurs: merging looks at each different piece once.</summary>
    private static Dictionary<string, int> CountWords(IEnumerable<string> documents)
    {
        var counts = new Dictionary<string, int>(StringComparer.Ordinal);
        var bySpan = counts.GetAlternateLookup<ReadOnlySpan<char>>();
        foreach (var text in documents)
            for (var start = 0; start < text.Length;)
            {
                var end = Gpt2Splitter.End(text, start);
                CollectionsMarshal.GetValueRefOrAddDefault(bySpan, text.AsSpan(start..end), out _)++;
                start = end;
            }
        return counts;
    }
}
