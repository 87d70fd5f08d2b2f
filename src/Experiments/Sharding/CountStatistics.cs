using OnnxMoe.Artifacts.Routing;

namespace OnnxMoe.Experiments.Sharding;

/// <summary>How uneven recorded counts are, and how fast they change.</summary>
internal static class CountStatistics
{
    /// <summary>Tokens of the busiest expert over the even share, mean over layers and iterations.</summary>
    public static double BusiestExpert(IterationCounts counts) =>
        Enumerable.Range(0, counts.Iterations).Average(i => counts[i].Average(layer => layer.Max() * (double)counts.Experts / layer.Sum()));

    /// <summary>Share of the tokens that would have to change their expert to make an iteration like the one <paramref name="lag"/> before it, mean over layers and iterations.</summary>
    public static double Change(IterationCounts counts, int lag) => Enumerable.Range(lag, Math.Max(0, counts.Iterations - lag)).Select(i => counts[i].Zip(counts[i - lag], Distance).Average()).DefaultIfEmpty(double.NaN).Average();

    private static double Distance(IReadOnlyList<long> now, IReadOnlyList<long> before)
    {
        var (all, allBefore) = ((double)now.Sum(), (double)before.Sum());
        return now.Zip(before, (a, b) => Math.Abs((a / all) - (b / allBefore))).Sum() / 2;
    }
}
