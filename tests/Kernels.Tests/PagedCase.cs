using OnnxMoe.Artifacts.Tensors;

namespace OnnxMoe.Kernels.Tests;

/// <summary>Random tokens of some sequences, the pages they go to, and the plain loop that says what attention gives.</summary>
internal sealed class PagedCase
{
    private readonly Dictionary<int, (float[] Query, float[] Key, float[] Value)> _tokens = [];

    public int Heads { get; init; } = 4;
    public int KvHeads { get; init; } = 2;

    /// <summary>Of a head.</summary>
    public int Size { get; init; } = 16;

    public int PageSize { get; init; } = 16;

    /// <summary>Caches in half precision.</summary>
    public bool Half { get; init; }

    /// <summary>Keys and values stand behind the queries.</summary>
    public bool Joined { get; init; }

    /// <summary>Tokens of each sequence.</summary>
    public int[] Lengths { get; init; } = [40, 1, 23];

    /// <summary>Position of a sequence's first token in the rotary tables.</summary>
    public int FirstPosition { get; init; }

    /// <summary>(sequence, other, tokens): the sequence begins with so many of the other's tokens and uses its pages for them; whole pages.</summary>
    public (int Sequence, int Other, int Tokens)? Shared { get; init; }

    public int Seed { get; init; } = 1;

    public int MaxPages => Lengths.Max(PagesOf) + 1;

    public int Pages => Lengths.Sum(PagesOf) + 3;

    public int TableRows => Lengths.Max() + FirstPosition;

    /// <summary>Not rotated: query [L, heads * size], key and value [L, kv heads * size].</summary>
    public (float[] Query, float[] Key, float[] Value) Tokens(int sequence)
    {
        if (_tokens.TryGetValue(sequence, out var known))
            return known;
        var some = new Some(Seed * 1000 + sequence);
        float[] Rows(int heads) => some.Floats(2, Lengths[sequence], heads * Size).AsSpan<float>().ToArray();
        var made = (Rows(Heads), Rows(KvHeads), Rows(KvHeads));
        if (Shared is { } shared && shared.Sequence == sequence)
        {
            var other = Tokens(shared.Other);
            other.Query.AsSpan(0, shared.Tokens * Heads * Size).CopyTo(made.Item1);
            other.Key.AsSpan(0, shared.Tokens * KvHeads * Size).CopyTo(made.Item2);
            other.Value.AsSpan(0, shared.Tokens * KvHeads * Size).CopyTo(made.Item3);
        }
        return _tokens[sequence] = made;
    }

    /// <summary>The pages of each sequence in their order, scattered over the cache.</summary>
    public int[][] PageTable()
    {
        var free = new Queue<int>(Enumerable.Range(0, Pages).OrderBy(page => (page * 7919L + Seed) % 101));
        var table = Array.ConvertAll(Lengths, length => Enumerable.Range(0, PagesOf(length)).Select(_ => free.Dequeue()).ToArray());
        if (Shared is { } shared)
            table[shared.Other].AsSpan(0, shared.Tokens / PageSize).CopyTo(table[shared.Sequence]);
        return table;
    }

    /// <summary>[TableRows, size / 2]</summary>
    public float[] Table(Func<double, double> function) =>
        [.. from row in Enumerable.Range(0, TableRows) from i in Enumerable.Range(0, Size / 2) select (float)function(row * Math.Pow(1e4, -2.0 * i / Size))];

    /// <summary>What tokens from.. of the sequence get, [Lengths - from, heads * size].</summary>
    public double[] Reference(int sequence, int from = 0)
    {
        var (query, key, value) = Tokens(sequence);
        var (cos, sin) = (Table(Math.Cos), Table(Math.Sin));
        var keys = Enumerable.Range(0, Lengths[sequence]).Select(i => Rotated(key, i, KvHeads).Select(Stored).ToArray()).ToArray();
        var y = new double[(Lengths[sequence] - from) * Heads * Size];
        for (var t = from; t < Lengths[sequence]; t++)
        {
            var rotated = Rotated(query, t, Heads);
            for (var h = 0; h < Heads; h++)
            {
                var kv = h / (Heads / KvHeads);
                var weights = new double[t + 1];
                for (var i = 0; i <= t; i++)
                    for (var d = 0; d < Size; d++)
                        weights[i] += rotated[h * Size + d] * keys[i][kv * Size + d] / Math.Sqrt(Size);
                var top = weights.Max();
                weights = Array.ConvertAll(weights, w => Math.Exp(w - top));
                var sum = weights.Sum();
                for (var d = 0; d < Size; d++)
                    for (var i = 0; i <= t; i++)
                        y[((t - from) * Heads + h) * Size + d] += weights[i] / sum * Stored(value[(i * KvHeads + kv) * Size + d]);
            }
        }
        return y;

        double[] Rotated(float[] rows, int token, int heads)
        {
            var result = new double[heads * Size];
            var (half, angle) = (Size / 2, (token + FirstPosition) * (Size / 2));
            for (var h = 0; h < heads; h++)
                for (var i = 0; i < half; i++)
                {
                    double first = rows[(token * heads + h) * Size + i], second = rows[(token * heads + h) * Size + half + i];
                    result[h * Size + i] = first * cos[angle + i] - second * sin[angle + i];
                    result[h * Size + half + i] = second * cos[angle + i] + first * sin[angle + i];
                }
            return result;
        }

        double Stored(double number) => Half ? (double)(System.Half)number : number;
    }

    private int PagesOf(int length) => (length + PageSize - 1) / PageSize;
}
