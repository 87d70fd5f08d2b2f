namespace OnnxMoe.Experiments.Verdicts;

/// <summary>Mean and standard error of a few numbers. Nothing is left out: a NaN among them makes both NaN.</summary>
internal static class Statistics
{
    public static double Mean(IEnumerable<double> values) => values.DefaultIfEmpty(double.NaN).Average();

    /// <summary>Standard deviation (n - 1) over the root of n; NaN for fewer than two numbers.</summary>
    public static double StandardError(IEnumerable<double> values)
    {
        var all = values.ToArray();
        if (all.Length < 2)
            return double.NaN;
        if (all.All(value => value == all[0]))
            return 0; // the mean of equal numbers may be off by a rounding
        var mean = all.Average();
        return Math.Sqrt(all.Sum(value => (value - mean) * (value - mean)) / (all.Length - 1) / all.Length);
    }
}
