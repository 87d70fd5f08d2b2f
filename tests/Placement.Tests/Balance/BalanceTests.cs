using OnnxMoe.Artifacts.Routing;
using OnnxMoe.Placement.Balance;
using OnnxMoe.Placement.Costs;
using OnnxMoe.Placement.Programs;
using OnnxMoe.Placement.Solvers;
using OnnxMoe.Placement.Statistics;
using OnnxMoe.Placement.Tests.Support;

namespace OnnxMoe.Placement.Tests.Balance;

public sealed class BalanceTests
{
    static readonly string Engine = Engines.Choose("auto");

    public static TheoryData<int> Seeds => [.. Enumerable.Range(0, 40)];

    [Theory]
    [MemberData(nameof(Seeds))]
    public void SmallLayersAreProvedOptimalAndTheBoundIsABound(int seed)
    {
        var random = new Random(seed);
        var (gpus, equalSizes) = (2 + seed % 2, seed % 4 == 3);
        var experts = equalSizes ? gpus * (1 + random.Next(4 - gpus + 1)) : gpus + random.Next(8 - gpus);
        var load = Enumerable.Range(0, experts).Select(_ => (long)Math.Pow(random.Next(1, 40), 1 + seed % 3)).ToArray();
        var speeds = seed % 5 == 0 ? Enumerable.Range(0, gpus).Select(g => 0.5 + g).ToArray() : [.. Enumerable.Repeat(1.0, gpus)];
        var problem = BalanceProblem.Of(load, speeds, equalSizes);
        var best = BruteForce.Makespan(problem);

        Assert.True(BalanceBound.Of(problem, double.PositiveInfinity) <= best * (1 + 1e-9));
        var (gpuOf, solve) = new LayerBalance(Engine, Some.Options).Solve(problem, "layer", CancellationToken.None);
        Assert.Equal(best, problem.Makespan(gpuOf), best * 1e-6);
        Assert.InRange(solve.Bound, 0, best * (1 + 1e-9));
        Assert.True(solve.Gap < 1e-5, $"{solve}");
    }

    [Theory]
    [MemberData(nameof(Seeds))]
    public void NoNumbersOfCopiesBeatTheBoundWithCopies(int seed)
    {
        var random = new Random(seed);
        var (gpus, slots) = (2 + seed % 2, 3 - seed % 2);
        var load = Enumerable.Range(0, gpus * slots - 1 - seed % 2).Select(_ => (long)Math.Pow(random.Next(1, 40), 1 + seed % 3)).ToArray();
        double[] speeds = [.. Enumerable.Repeat(1.0, gpus)];
        var best = BruteForce.CopyCounts(load.Length, gpus, gpus * slots).Min(copies => BruteForce.Makespan(BalanceProblem.WithCopies(load, copies, speeds, slots)));

        var (problem, gpuOf, solve) = new LayerBalance(Engine, Some.Options).Replicate(load, speeds, slots, "layer", CancellationToken.None);
        Assert.True(solve.Bound <= best * (1 + 1e-9), $"bound {solve.Bound}, best {best}");
        Assert.True(problem.Makespan(gpuOf) >= best * (1 - 1e-9));
        Assert.All(Enumerable.Range(0, gpus), g => Assert.Equal(slots, gpuOf.Count(x => x == g)));
    }

    [Theory]
    [MemberData(nameof(Seeds))]
    public void TwoGpusDivideTheirItemsAsWellAsCanBe(int seed)
    {
        var random = new Random(seed);
        var work = Enumerable.Range(0, 2 + seed % 9).Select(_ => (double)random.Next(1, 100)).ToArray();
        var (first, second, given) = (1.0, 1 + seed % 3 * 0.5, (First: (double)random.Next(50), Second: (double)random.Next(50)));
        var (fewest, most) = (seed % 2, work.Length - seed % 2);
        var best = Enumerable.Range(0, 1 << work.Length).Where(m => int.PopCount(m) >= fewest && int.PopCount(m) <= most).Min(Makespan);

        var (mask, makespan) = PairSplit.Best(work, first, second, given, fewest, most);
        Assert.Equal(best, makespan, 1e-9);
        Assert.Equal(best, Makespan(mask), 1e-9);

        double Makespan(int m)
        {
            var taken = work.Where((_, i) => (m >> i & 1) == 1).Sum();
            return Math.Max((given.First + taken) / first, (given.Second + work.Sum() - taken) / second);
        }
    }

    [Theory]
    [InlineData(256, 32)]
    [InlineData(256, 64)]
    public void LargeLayersComeNearTheirBound(int experts, int gpus)
    {
        var random = new Random(1);
        var load = Enumerable.Range(0, experts).Select(_ => (long)(1000 * Math.Exp(1.1 * Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(6.28 * random.NextDouble())))).ToArray();
        double[] speeds = [.. Enumerable.Repeat(1.0, gpus)];
        var balance = new LayerBalance(Engine, Some.Options);
        Assert.InRange(balance.Solve(BalanceProblem.Of(load, speeds), "layer", CancellationToken.None).Solve.Gap, 0, 0.01);
        Assert.InRange(balance.Replicate(load, speeds, experts / gpus + 1, "layer", CancellationToken.None).Solve.Gap, 0, 0.01);
    }

    [Theory]
    [InlineData(4)]
    [InlineData(8)]
    public void MixtralIsWithinTwoPercentOfItsBound(int gpus)
    {
        var balance = new LayerBalance(Engine, Some.Options);
        double[] speeds = [.. Enumerable.Repeat(1.0, gpus)];
        foreach (var file in Directory.GetFiles(Some.Data("mixtral-8x7b-mmlu")))
        {
            var solves = ExpertCounts.Load(file).Counts.Select(load => balance.Solve(BalanceProblem.Of(load, speeds), "layer", CancellationToken.None).Solve).ToList();
            Assert.Equal(32, solves.Count);
            Assert.InRange(solves.Sum(s => s.Objective) / solves.Sum(s => s.Bound), 1, 1.02);
        }
    }

    [Theory]
    [MemberData(nameof(Seeds))]
    public void EplbIsNeverBetterOnTheLoadItIsFittedTo(int seed)
    {
        var random = new Random(seed);
        var (gpus, experts) = (2 << seed % 3, 16 << seed % 2);
        var load = Enumerable.Range(0, experts).Select(_ => (long)(100 * Math.Pow(random.NextDouble(), -0.7))).ToArray();
        var cluster = Some.Cluster(gpus / 2, nodes: 2);
        var problem = new PlacementProblem(RoutingStatistics.Of(new ExpertCounts("counts", [load])), cluster, Some.Sizes(1));
        double Slowest(IPlacementSolver solver) => new PlanEvaluator(problem, null, []).Measure(solver.Solve(problem, CancellationToken.None).Layers).Makespan;
        foreach (var replicated in new[] { false, true })
            Assert.InRange(Slowest(new BalancedSolver(replicated, Engine, Some.Options)), 0, Slowest(new EplbSolver(replicated, Some.Options)) * (1 + 1e-9));
    }
}
