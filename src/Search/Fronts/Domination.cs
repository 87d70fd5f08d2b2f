namespace OnnxMoe.Search.Fronts;

/// <summary>Pareto order of points whose objectives are all minimized.</summary>
public static class Domination
{
    /// <summary>True when <paramref name="a"/> is nowhere worse than <paramref name="b"/> and somewhere better.</summary>
    public static bool Dominates(ReadOnlySpan<double> a, ReadOnlySpan<double> b)
    {
        var better = false;
        for (var i = 0; i < a.Length; i++)
        {
            if (a[i] > b[i])
                return false;
            better |= a[i] < b[i];
        }
        return better;
    }

    /// <summary>
    /// Numbers of the points, front by front: the first holds those that none dominates, the next those that only the ones before dominate, and so on (Deb et
    /// al. 2002, NSGA-II, fast non-dominated sort).
    /// </summary>
    public static IReadOnlyList<IReadOnlyList<int>> Fronts(IReadOnlyList<double[]> points)
    {
        var dominators = new int[points.Count];
        var dominated = new List<int>[points.Count];
        for (var i = 0; i < points.Count; i++)
            dominated[i] = [];
        for (var i = 0; i < points.Count; i++)
        {
            for (var j = i + 1; j < points.Count; j++)
            {
                var (better, worse) = Dominates(points[i], points[j]) ? (i, j) : Dominates(points[j], points[i]) ? (j, i) : (-1, -1);
                if (better < 0)
                    continue;
                dominated[better].Add(worse);
                dominators[worse]++;
            }
        }
        var fronts = new List<IReadOnlyList<int>>();
        var front = Enumerable.Range(0, points.Count).Where(i => dominators[i] == 0).ToList();
        while (front.Count > 0)
        {
            fronts.Add(front);
            front = [.. front.SelectMany(i => dominated[i]).Where(i => --dominators[i] == 0).Order()];
        }
        return fronts;
    }

    /// <summary>
    /// How lonely each point of a front is: the sum over the objectives of the distance between its neighbours, in parts of the front's extent; infinite at the
    /// ends (Deb et al. 2002).
    /// </summary>
    public static double[] Crowding(IReadOnlyList<double[]> front)
    {
        var distance = new double[front.Count];
        for (var objective = 0; objective < (front.Count == 0 ? 0 : front[0].Length); objective++)
        {
            var order = Enumerable.Range(0, front.Count).OrderBy(i => front[i][objective]).ToArray();
            var extent = front[order[^1]][objective] - front[order[0]][objective];
            distance[order[0]] = distance[order[^1]] = double.PositiveInfinity;
            for (var i = 1; i < order.Length - 1 && extent > 0; i++)
                distance[order[i]] += (front[order[i + 1]][objective] - front[order[i - 1]][objective]) / extent;
        }
        return distance;
    }
}
