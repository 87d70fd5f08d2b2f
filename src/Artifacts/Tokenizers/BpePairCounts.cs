using System.Runtime.InteropServices;
using System.Text;

namespace OnnxMoe.Artifacts.Tokenizers;

/// <summary>
/// The words of a text as sequences of ids, and how often each pair of neighbours occurs. A merge visits only the words that hold
/// the pair and changes only the counts around it.
/// </summary>
internal sealed class BpePairCounts
{
    private readonly List<int>[] _words;
    private readonly long[] _wordCounts;
    private readonly Dictionary<(int Left, int Right), long> _counts = [];
    private readonly Dictionary<(int Left, int Right), HashSet<int>> _wordsOf = [];

    // Holds outdated counts too; an entry is good only while it equals the count in _counts.
    private readonly PriorityQueue<(int Left, int Right), (long Count, int Left, int Right)> _queue =
        new(Comparer<(long Count, int Left, int Right)>.Create((a, b) => b.Count != a.Count ? b.Count.CompareTo(a.Count) : a.Left != b.Left ? a.Left.CompareTo(b.Left) : a.Right.CompareTo(b.Right)));

    /// <param name="words">Each different word and how often it occurs.</param>
    public BpePairCounts(Dictionary<string, int> words)
    {
        _words = [.. words.Keys.Select(word => Encoding.UTF8.GetBytes(word).Select(value => (int)value).ToList())];
        _wordCounts = [.. words.Values.Select(count => (long)count)];
        for (var word = 0; word < _words.Length; word++)
            for (var i = 0; i + 1 < _words[word].Count; i++)
                Change((_words[word][i], _words[word][i + 1]), word, _wordCounts[word]);
        foreach (var (pair, count) in _counts)
            _queue.Enqueue(pair, (count, pair.Left, pair.Right));
    }

    /// <summary>Removes the most frequent pair from the queue; false when none occurs twice.</summary>
    public bool TakeMostFrequent(out int left, out int right)
    {
        while (_queue.TryDequeue(out var pair, out var priority))
            if (priority.Count >= 2 && _counts.GetValueOrDefault(pair) == priority.Count)
            {
                (left, right) = pair;
                return true;
            }
        (left, right) = (0, 0);
        return false;
    }

    /// <summary>Replaces the pair by <paramref name="result"/> in all words.</summary>
    public void Merge(int left, int right, int result)
    {
        var changed = new HashSet<(int Left, int Right)>();
        foreach (var word in _wordsOf[(left, right)])
            MergeIn(word, left, right, result, changed);
        _counts.Remove((left, right));
        _wordsOf.Remove((left, right));
        foreach (var pair in changed)
            if (_counts.TryGetValue(pair, out var count) && count > 0)
                _queue.Enqueue(pair, (count, pair.Left, pair.Right));
    }

    private void MergeIn(int word, int left, int right, int result, HashSet<(int, int)> changed)
    {
        var symbols = _words[word];
        var weight = _wordCounts[word];
        var write = 0;
        for (var read = 0; read < symbols.Count; read++)
        {
            if (symbols[read] != left || read + 1 == symbols.Count || symbols[read + 1] != right)
            {
                symbols[write++] = symbols[read];
                continue;
            }
            // [before] left right [after] becomes [before] result [after]
            if (write > 0)
            {
                Count((symbols[write - 1], left), -weight);
                Count((symbols[write - 1], result), weight);
            }
            if (read + 2 < symbols.Count)
            {
                Count((right, symbols[read + 2]), -weight);
                Count((result, symbols[read + 2]), weight);
            }
            symbols[write++] = result;
            read++;
        }
        symbols.RemoveRange(write, symbols.Count - write);

        void Count((int, int) pair, long change)
        {
            if (pair == (left, right))
                return; // about to be removed; and its set of words is being enumerated
            Change(pair, word, change);
            changed.Add(pair);
        }
    }

    private void Change((int, int) pair, int word, long change)
    {
        CollectionsMarshal.GetValueRefOrAddDefault(_counts, pair, out _) += change;
        if (change > 0)
            (CollectionsMarshal.GetValueRefOrAddDefault(_wordsOf, pair, out _) ??= []).Add(word);
    }
}
