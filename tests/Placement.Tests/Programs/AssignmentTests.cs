using OnnxMoe.Placement.Programs;
using OnnxMoe.Placement.Solvers;
using OnnxMoe.Placement.Tests.Support;

namespace OnnxMoe.Placement.Tests.Programs;

public sealed class AssignmentTests
{
    static readonly string Engine = Engines.Choose("auto");

    [Theory]
    [InlineData(2, 4, 2, 1)]
    [InlineData(3, 6, 3, 1)]
    [InlineData(3, 6, 3, 3)]
    [InlineData(3, 8, 4, 2)]
    public void TheProgramFindsWhatTryingEverythingFinds(int layers, int experts, int gpus, int nodes)
    {
        for (var seed = 0; seed < 3; seed++)
        {
            var problem = Random(layers, experts, gpus, nodes, seed);
            var found = new AssignmentProgram(Engine, Some.Options).Solve(problem, "assignment", CancellationToken.None)!;
            var (slack, objective) = BruteForce.Assignment(problem);
            Assert.Equal(slack, problem.Slack(found.GpuOf));
            Assert.Equal(slack, found.Slack);
            Assert.Equal(objective, problem.Objective(found.GpuOf));
            Assert.Equal(objective, found.Solve.Objective * problem.Scale);
            // CBC finds the optimum but may end with an older, weaker bound, which is then reported as "stopped".
            if (Engine != "CBC")
                Assert.Equal("optimal", found.Solve.Status);
            Assert.True(found.Solve.Bound <= found.Solve.Objective);
            Assert.All(found.GpuOf, layer => Assert.Equal(Enumerable.Range(0, gpus), layer.Order()));
            Assert.True(Enumerable.Range(0, layers - 1).Sum(problem.Bound) <= objective);
        }
    }

    [Fact]
    public void CbcAgrees()
    {
        var problem = Random(3, 6, 3, 3, 1);
        var found = new AssignmentProgram("CBC", Some.Options).Solve(problem, "assignment", CancellationToken.None)!;
        Assert.Equal(BruteForce.Assignment(problem), (found.Slack, problem.Objective(found.GpuOf)));
    }

    [Fact]
    public void MemoryThatCannotBeEqualTakesTheSmallestSlack()
    {
        // Two layers of clusters of 1 and 5 experts on two GPUs: 6 + 6. Three layers: 7 + 11 at best, 2 from the mean.
        Assert.Equal(0, Solve([[1, 5], [5, 1]], Some.Options)!.Slack);
        Assert.Equal(2, Solve([[1, 5], [1, 5], [1, 5]], Some.Options)!.Slack);
        var strict = Some.Options;
        strict.MemorySlack = 1;
        Assert.Null(Solve([[1, 5], [1, 5], [1, 5]], strict));
    }

    [Fact]
    public void AGpuIsNeverFilledBeyondItsMemory()
    {
        var problem = new AssignmentProblem([[1, 5], [1, 5], [1, 5]], Traffic(3, 2), Some.Cluster(2), [18, 7]);
        var found = new AssignmentProgram(Engine, Some.Options).Solve(problem, "assignment", CancellationToken.None)!;
        Assert.Equal([11, 7], problem.Sums(found.GpuOf));
        var tight = new AssignmentProblem([[1, 5], [1, 5], [1, 5]], Traffic(3, 2), Some.Cluster(2), [18, 2]);
        Assert.Null(new AssignmentProgram(Engine, Some.Options).Solve(tight, "assignment", CancellationToken.None));
    }

    static Assignment? Solve(int[][] sizes, PlaceOptions options) =>
        new AssignmentProgram(Engine, options).Solve(new AssignmentProblem(sizes, Traffic(sizes.Length, 2), Some.Cluster(2), [100, 100]), "assignment", CancellationToken.None);

    static long[][,] Traffic(int layers, int gpus) => [.. Enumerable.Range(1, layers - 1).Select(_ => new long[gpus, gpus])];

    static AssignmentProblem Random(int layers, int experts, int gpus, int nodes, int seed)
    {
        var problem = Some.Problem(Some.Trace(layers, experts, 2, 200, seed), Some.Cluster(gpus / nodes, nodes));
        var random = new Random(seed);
        // Clusters of uneven sizes, so that the memory equation matters.
        return ClusterTraffic.Problem(problem, [.. Enumerable.Range(0, layers).Select(l => PlacementSolution.Layer(l, [.. Enumerable.Range(0, experts).Select(e => e < gpus ? e : random.Next(gpus))], gpus))]);
    }
}
