using OnnxMoe.Placement.Programs;
using OnnxMoe.Placement.Tests.Support;

namespace OnnxMoe.Placement.Tests.Programs;

public sealed class ClusteringTests
{
    static readonly string Engine = Engines.Choose("auto");

    [Theory]
    [InlineData(4, 2, false)]
    [InlineData(4, 2, true)]
    [InlineData(6, 3, false)]
    [InlineData(6, 3, true)]
    [InlineData(7, 3, false)]
    public void TheProgramFindsWhatTryingEverythingFinds(int experts, int clusters, bool equalSizes)
    {
        for (var seed = 0; seed < 5; seed++)
        {
            var load = Load(experts, seed);
            var found = Solve(load, clusters, equalSizes);
            var deviation = Clustering.Deviation(load, found.ClusterOf, clusters);
            Assert.Equal(BruteForce.Deviation(load, clusters, equalSizes), deviation);
            Assert.Equal(deviation / (double)clusters, found.Solve.Objective);
            Assert.Equal("optimal", found.Solve.Status);
            Assert.True(deviation >= 2 * Math.Max(0, clusters * load.Max() - load.Sum()));
        }
    }

    [Fact]
    public void CbcAgrees()
    {
        var load = Load(7, 3);
        var found = new ClusteringProgram("CBC", Some.Options).Solve(load, 3, false, "layer", CancellationToken.None);
        Assert.Equal(BruteForce.Deviation(load, 3, false), Clustering.Deviation(load, found.ClusterOf, 3));
        Assert.Equal("optimal", found.Solve.Status);
    }

    [Fact]
    public void EveryExpertIsInOneClusterAndNoClusterIsEmpty()
    {
        // One expert has nearly all the load: without the rule, clusters of nothing would be as good.
        long[] load = [1000, 1, 1, 1, 1, 0, 0, 0];
        foreach (var equal in new[] { true, false })
        {
            var found = Solve(load, 4, equal);
            Assert.Equal(8, found.ClusterOf.Length);
            Assert.Equal(4, found.ClusterOf.Distinct().Count());
        }
    }

    [Fact]
    public void RenamingExpertsChangesNothing()
    {
        var load = Load(8, 9);
        var order = Enumerable.Range(0, 8).ToArray();
        new Random(4).Shuffle(order);
        Assert.Equal(Solve(load, 3, false).Solve.Objective, Solve([.. order.Select(i => load[i])], 3, false).Solve.Objective);
    }

    static Clustering Solve(long[] load, int clusters, bool equalSizes) =>
        new ClusteringProgram(Engine, Some.Options).Solve(load, clusters, equalSizes, "layer", CancellationToken.None);

    static long[] Load(int experts, int seed)
    {
        var random = new Random(seed);
        return [.. Enumerable.Range(0, experts).Select(_ => (long)random.Next(1, 60))];
    }
}
