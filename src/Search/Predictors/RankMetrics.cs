namespace OnnxMoe.Search.Predictors;

/// <summary>How well one list of numbers orders things as another does.</summary>
public static class RankMetrics
{
    /// <summary>Kendall's tau-b: pairs in the same order less pairs in the other, corrected for ties; NaN when a list is constant.</summary>
    public static double Kendall(IReadOnlyList<double> a, IReadOnlyList<double> b)
    {
        long agreement = 0, untiedA = 0, untiedB = 0;
        for (var i = 0; i < a.Count; i++)
        {
            for (var j = 0; j < i; j++)
            {
                var (x, y) = (a[i].CompareTo(a[j]), b[i].CompareTo(b[j]));
                agreement += Math.Sign(x) * Math.Sign(y);
                untiedA += x == 0 ? 0 : 1;
                untiedB += y == 0 ? 0 : 1;
            }
        }
        return agreement / Math.Sqrt((double)untiedA * untiedB);
    }

    /// <summary>Spearman's rho: the correlation of the ranks, equal numbers sharing theirs.</summary>
    public static double Spearman(IReadOnlyList<double> a, IReadOnlyList<double> b) => MathNet.Numerics.Statistics.Correlation.Pearson(Ranks(a), Ranks(b));

    private static double[] Ranks(IReadOnlyList<double> values)
    {
        var order = Enumerable.Range(0, values.Count).OrderBy(i => values[i]).ToArray();
        var ranks = new double[values.Count];
        for (var first = 0; first < order.Length;)
        {
            var last = first;
            while (last + 1 < order.Length && values[order[last + 1]] == values[order[first]])
                last++;
            for (var i = first; i <= last; i++)
                ranks[order[i]] = (first + last) / 2.0;
            first = last + 1;
        }
        return ranks;
    }
}
