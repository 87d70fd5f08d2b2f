namespace OnnxMoe.Artifacts.Tokenizers;

/// <summary>The learnt merges in order of priority, and their application to one piece of text.</summary>
internal sealed class BpeMerges
{
    private readonly Dictionary<long, (int Rank, int Result)> _merges = [];

    /// <summary>Adds the next merge, of lower priority than all before; a repeated pair keeps its first place.</summary>
    public void Add(int left, int right, int result) => _merges.TryAdd(Key(left, right), (_merges.Count, result));

    /// <summary>
    /// Merges neighbours, always the pair of the highest priority and among equals the leftmost, until none is left. A heap of
    /// candidate pairs over a linked list of symbols: O(n log n) for a piece of n bytes.
    /// </summary>
    public int[] Apply(int[] symbols)
    {
        if (symbols.Length < 2)
            return symbols;
        var count = symbols.Length;
        var (previous, next) = (new int[count], new int[count]);
        var candidates = new PriorityQueue<(int Left, int Right, int Position, int Result), long>();
        for (var i = 0; i < count; i++)
            (previous[i], next[i]) = (i - 1, i + 1 < count ? i + 1 : -1);
        for (var i = 0; i + 1 < count; i++)
            Offer(i);
        while (candidates.TryDequeue(out var pair, out _))
        {
            var (left, right) = (pair.Position, next[pair.Position]);
            if (right < 0 || symbols[left] != pair.Left || symbols[right] != pair.Right)
                continue; // one of the two was merged meanwhile
            (symbols[left], symbols[right]) = (pair.Result, -1);
            next[left] = next[right];
            if (next[left] >= 0)
                previous[next[left]] = left;
            if (previous[left] >= 0)
                Offer(previous[left]);
            Offer(left);
        }
        return Array.FindAll(symbols, symbol => symbol >= 0);

        void Offer(int position)
        {
            if (next[position] is var right and >= 0 && _merges.TryGetValue(Key(symbols[position], symbols[right]), out var merge))
                candidates.Enqueue((symbols[position], symbols[right], position, merge.Result), Key(merge.Rank, position));
        }
    }

    private static long Key(int left, int right) => (long)left << 32 | (uint)right;
}
