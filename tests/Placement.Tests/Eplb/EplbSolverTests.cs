using OnnxMoe.Artifacts.Placement;
using OnnxMoe.Artifacts.Routing;
using OnnxMoe.Placement.Costs;
using OnnxMoe.Placement.Eplb;
using OnnxMoe.Placement.Solvers;
using OnnxMoe.Placement.Statistics;
using OnnxMoe.Placement.Tests.Support;

namespace OnnxMoe.Placement.Tests.Eplb;

public sealed class EplbSolverTests
{
    /// <summary>Copies that all lie on one GPU do nothing there: the plan is without them, and every GPU has the load that EPLB gave it.</summary>
    [Fact]
    public void UselessCopiesAreLeftOutAndChangeNothing()
    {
        var (random, useless, shares) = (new Random(1), 0, 0);
        for (var round = 0; round < 200; round++)
        {
            var load = Enumerable.Range(0, 6).Select(_ => (long)Math.Pow(10, 4 * random.NextDouble())).ToArray();
            var problem = new PlacementProblem(RoutingStatistics.Of(new ExpertCounts("counts", [load])), Some.Cluster(3), Some.Sizes(1));
            var solved = new EplbSolver(replicated: true, new PlaceOptions { ExtraSlots = 6 }).Solve(problem, CancellationToken.None).Layers[0];
            var raw = new PlacedLayer(0, 6, [.. ExpertBalancer.Place([.. load.Select(x => (double)x)], 12, 1, 1, 3).Chunk(4)]);
            useless += raw.Devices.Sum(d => d.Count) - solved.Devices.Sum(d => d.Count);
            shares += solved.Devices.Sum(d => d.Count - d.Distinct().Count());
            Assert.All(DeviceShares.Load(raw, load).Zip(DeviceShares.Load(solved, load)), pair => Assert.Equal(pair.First, pair.Second, 6));
            Assert.All(solved.Homes(), homes => Assert.True(homes.Count == 1 || homes[0] != homes[^1]));
        }
        Assert.True(useless > 0 && shares > 0, $"{useless} useless copies, {shares} further shares");
    }
}
