namespace OnnxMoe.Trainer.Supernets;

/// <summary>Divides a few things into groups so that what is far apart is separated: the cheapest cut of a graph of similarities, found by looking at all (Hu et al. 2022, GM-NAS, arXiv 2203.15207).</summary>
public static class GraphPartition
{
    /// <summary>The most things that can be looked at this way.</summary>
    public const int Most = 12;

    /// <summary>Every partition once, as the group of each thing; a group has two things or more where there are enough.</summary>
    /// <param name="count">Things.</param>
    /// <param name="groups">Groups, none empty.</param>
    public static IEnumerable<int[]> All(int count, int groups)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(count, Most);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(groups, count);
        var smallest = count >= 2 * groups ? 2 : 1;
        return Rest([], 0).Where(groupOf => Enumerable.Range(0, groups).All(group => groupOf.Count(of => of == group) >= smallest));

        // A thing opens the next group or joins an earlier one, so that no partition comes twice.
        IEnumerable<int[]> Rest(int[] first, int open) => first.Length == count ? [first]
            : Enumerable.Range(0, Math.Min(open + 1, groups)).SelectMany(group => Rest([.. first, group], Math.Max(open, group + 1)));
    }

    /// <summary>Sum of the distances of all pairs in different groups.</summary>
    public static double Across(double[,] distances, int[] groupOf) => Sum(distances, groupOf, same: false);

    /// <summary>Sum of the distances of all pairs in one group.</summary>
    public static double Within(double[,] distances, int[] groupOf) => Sum(distances, groupOf, same: true);

    /// <summary>The partition of the smallest distances within groups, which is that of the largest across; the first of equal ones. Null: none is allowed.</summary>
    /// <param name="distances">[n, n], symmetric.</param>
    /// <param name="groups">How many.</param>
    /// <param name="isAllowed">Which partitions may be taken.</param>
    public static int[]? Best(double[,] distances, int groups, Func<int[], bool> isAllowed) =>
        All(distances.GetLength(0), groups).Where(isAllowed).MinBy(groupOf => Within(distances, groupOf));

    private static double Sum(double[,] distances, int[] groupOf, bool same)
    {
        var sum = 0.0;
        for (var i = 0; i < groupOf.Length; i++)
            for (var j = 0; j < i; j++)
                sum += groupOf[i] == groupOf[j] == same ? distances[i, j] : 0;
        return sum;
    }
}
