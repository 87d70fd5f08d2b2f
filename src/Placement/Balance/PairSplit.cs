namespace OnnxMoe.Placement.Balance;

/// <summary>
/// Divides the items of two GPUs between them as well as can be: the subset whose work is nearest to the ideal share, by meeting
/// in the middle (sums of subsets of each half, sorted, walked from both ends). Exact up to <see cref="MostItems"/> items.
/// </summary>
static class PairSplit
{
    /// <summary>More items than this take too long.</summary>
    public const int MostItems = 16;

    /// <summary>Which items the first GPU takes, as bits.</summary>
    /// <param name="work">Work of the items.</param>
    /// <param name="first">Speed of the first GPU.</param>
    /// <param name="second">Speed of the second.</param>
    /// <param name="given">Work that is on the first GPU anyway, and on the second.</param>
    /// <param name="fewest">Fewest items the first may take.</param>
    /// <param name="most">Most items the first may take.</param>
    public static (int Mask, double Makespan) Best(ReadOnlySpan<double> work, double first, double second, (double First, double Second) given, int fewest, int most)
    {
        var total = given.First + given.Second;
        foreach (var w in work)
            total += w;
        var ideal = total * first / (first + second) - given.First;
        var half = work.Length / 2;
        var (left, right) = (Sums(work[..half]), Sums(work[half..]));
        var (bestMask, best) = (0, double.PositiveInfinity);
        for (var a = 0; a < left.Length; a++)
        {
            for (var b = Math.Max(0, fewest - a); b < right.Length && a + b <= most; b++)
                Meet(left[a], right[b]);
        }
        return (bestMask, best);

        void Meet((double Sum, int Mask)[] up, (double Sum, int Mask)[] down)
        {
            for (var (i, j) = (0, down.Length - 1); i < up.Length && j >= 0;)
            {
                var sum = up[i].Sum + down[j].Sum;
                var makespan = Math.Max((given.First + sum) / first, (total - given.First - sum) / second);
                if (makespan < best)
                    (best, bestMask) = (makespan, up[i].Mask | (down[j].Mask << half));
                if (sum < ideal)
                    i++;
                else
                    j--;
            }
        }
    }

    /// <summary>Sums of all subsets, by their number of items, ascending.</summary>
    static (double Sum, int Mask)[][] Sums(ReadOnlySpan<double> work)
    {
        var sums = new double[1 << work.Length];
        var byCount = Enumerable.Range(0, work.Length + 1).Select(_ => new List<(double, int)>()).ToArray();
        byCount[0].Add((0, 0));
        for (var mask = 1; mask < sums.Length; mask++)
        {
            sums[mask] = sums[mask & (mask - 1)] + work[int.TrailingZeroCount(mask)];
            byCount[int.PopCount(mask)].Add((sums[mask], mask));
        }
        return [.. byCount.Select(list =>
        {
            list.Sort();
            return list.ToArray();
        })];
    }
}
