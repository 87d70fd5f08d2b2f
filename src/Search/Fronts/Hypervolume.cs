namespace OnnxMoe.Search.Fronts;

/// <summary>The space that a set of points dominates below a reference point: the measure of a front's quality (Zitzler and Thiele 1998).</summary>
public static class Hypervolume
{
    /// <param name="points">All objectives are minimized. Points that are not below the reference in every one add nothing.</param>
    /// <param name="reference">The worst values that count.</param>
    public static double Of(IEnumerable<double[]> points, double[] reference)
    {
        var inside = points.Where(point => point.Zip(reference).All(pair => pair.First < pair.Second)).ToList();
        return Slice(inside, reference, reference.Length);
    }

    /// <summary>By slices along the last of the first <paramref name="dimensions"/> objectives (Zitzler 2001).</summary>
    private static double Slice(List<double[]> points, double[] reference, int dimensions)
    {
        if (points.Count == 0)
            return 0;
        var last = dimensions - 1;
        if (dimensions == 1)
            return reference[0] - points.Min(point => point[0]);
        points.Sort((a, b) => a[last].CompareTo(b[last]));
        if (dimensions == 2)
            return Staircase(points, reference);
        var volume = 0.0;
        for (var i = 0; i < points.Count; i++)
        {
            var depth = (i + 1 < points.Count ? points[i + 1][last] : reference[last]) - points[i][last];
            if (depth > 0)
                volume += depth * Slice(points.GetRange(0, i + 1), reference, last);
        }
        return volume;
    }

    private static double Staircase(List<double[]> sorted, double[] reference)
    {
        var (area, edge) = (0.0, reference[0]);
        foreach (var point in sorted)
        {
            if (point[0] >= edge)
                continue;
            area += (edge - point[0]) * (reference[1] - point[1]);
            edge = point[0];
        }
        return area;
    }
}
