using OnnxMoe.Experiments.Pooling;
using OnnxMoe.Search.Predictors;
using OnnxMoe.Trainer.Supernets.Copies;

namespace OnnxMoe.Experiments.Tests.Pooling;

public class BalanceSimulationTests
{
    private static BalanceSimulation[] Run(int count, bool balanced = true, double first = 1) =>
        [.. Enumerable.Range(0, 10).Select(seed => new BalanceSimulation(new CopiesOptions { Count = count, Balanced = balanced, FirstScore = first }, seed))];

    /// <summary>A supernet for each group ranks the architectures as they are; fewer disturb each other.</summary>
    [Fact]
    public void SupernetsSpecializeOnGroups()
    {
        var (one, two, four) = (Run(1), Run(2), Run(4));
        double Mean(BalanceSimulation[] runs) => runs.Average(run => run.Spearman);
        Assert.True(Mean(four) > 0.95 && Mean(two) < 0.95 && Mean(two) > Mean(one), $"{Mean(one)} {Mean(two)} {Mean(four)}");
        Assert.All(four, run => Assert.InRange(run.LargestLoad, 0.25, 0.3));
    }

    /// <summary>Scores that start at 1 spread the load by themselves, so only scores that start at 0 show what balance does.</summary>
    [Fact]
    public void BalanceMattersWhereOptimismIsMissing()
    {
        var (balanced, free) = (Run(4, first: 0), Run(4, balanced: false, first: 0));
        Assert.True(balanced.Average(run => run.Spearman) > free.Average(run => run.Spearman));
        Assert.True(balanced.Max(run => run.LargestLoad) < free.Max(run => run.LargestLoad));
    }

    [Theory]
    [InlineData(1, 0.233, 0.143)]
    [InlineData(2, 0.473, 0.311)]
    [InlineData(4, 0.757, 0.597)]
    [InlineData(8, 0.709, 0.530)]
    public void ThePublishedRowsCorrelateAsTheyDo(int supernets, double spearman, double kendall)
    {
        Assert.Equal((36, 36), (PublishedPaths.Alone.Count, PublishedPaths.Mixtures[supernets].Count));
        Assert.Equal(spearman, RankMetrics.Spearman(PublishedPaths.Mixtures[supernets], PublishedPaths.Alone), 0.01);
        Assert.Equal(kendall, RankMetrics.Kendall(PublishedPaths.Mixtures[supernets], PublishedPaths.Alone), 0.01);
    }
}
