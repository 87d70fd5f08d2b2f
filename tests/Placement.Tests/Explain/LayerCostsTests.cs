using OnnxMoe.Artifacts.Placement;
using OnnxMoe.Artifacts.Routing;
using OnnxMoe.Placement.Costs;
using OnnxMoe.Placement.Explanations;
using OnnxMoe.Placement.Tests.Support;

namespace OnnxMoe.Placement.Tests.Explain;

/// <summary>The changes in one layer are those of the whole plan as <see cref="PlanEvaluator"/> measures it.</summary>
public sealed class LayerCostsTests
{
    const int Layers = 3, Experts = 6;

    static readonly RoutingTrace Trace = Some.Trace(Layers, Experts, 2, 150, 1);
    static readonly int[] Tokens = [.. Enumerable.Range(0, Trace.Tokens).Where(t => t % 3 > 0)];
    static readonly PlacementProblem Problem = new(Statistics.RoutingStatistics.Of(Trace, Tokens), Some.Cluster(2, 2), Some.Sizes(Layers));
    static readonly PlanEvaluator Evaluator = new(Problem, Trace, Tokens);

    /// <summary>Four GPUs on two nodes; expert 5 of the middle layer has copies, two of them on one GPU as EPLB may place them.</summary>
    static readonly IReadOnlyList<PlacedLayer> Plan =
    [
        new(0, Experts, [[0, 1], [2], [3, 4], [5]]),
        new(1, Experts, [[5, 0], [1, 2], [3], [4, 5, 5]]),
        new(2, Experts, [[3], [0, 2], [1, 5], [4]]),
    ];

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(2)]
    public void EveryMoveIsTheDifferenceOfWholePlans(int index)
    {
        var costs = new LayerCosts(Problem, Trace, Tokens, Plan, index);
        var before = Evaluator.Measure(Plan);
        var homes = Plan[index].Homes();
        for (var expert = 0; expert < Experts; expert++)
        {
            foreach (var from in homes[expert])
            {
                foreach (var to in Enumerable.Range(0, 4).Except(homes[expert]))
                {
                    var moved = Changed(index, devices => { devices[from].Remove(expert); devices[to].Add(expert); });
                    AreSame(before, Evaluator.Measure(moved), costs.Now, costs.Moved(expert, from, to));
                }
            }
        }
    }

    [Fact]
    public void EverySwapIsTheDifferenceOfWholePlans()
    {
        var costs = new LayerCosts(Problem, Trace, Tokens, Plan, 1);
        var before = Evaluator.Measure(Plan);
        foreach (var (a, b) in new[] { (0, 1), (0, 2), (1, 2), (1, 3) })
        {
            foreach (var (one, other) in from x in Plan[1].Devices[a] from y in Plan[1].Devices[b] where !Plan[1].Devices[b].Contains(x) && !Plan[1].Devices[a].Contains(y) select (x, y))
            {
                var swapped = Changed(1, devices => { devices[a].Remove(one); devices[b].Remove(other); devices[a].Add(other); devices[b].Add(one); });
                AreSame(before, Evaluator.Measure(swapped), costs.Now, costs.Swapped(one, a, other, b));
            }
        }
    }

    [Fact]
    public void IterationsOfALayerCountTogether()
    {
        var header = new RoutingTraceHeader([new(0, 4, 1), new(0, 4, 1) { Iteration = 1 }, new(2, 4, 1)], "iterated", HasWeights: false);
        var random = new Random(3);
        var trace = new RoutingTrace(header, [new RoutingTraceFrame(0, RoutingPhase.Evaluation, 80,
            [.. header.Layers.Select(_ => (ReadOnlyMemory<int>)Enumerable.Range(0, 80).Select(_ => random.Next(-1, 4)).ToArray())], [.. header.Layers.Select(_ => ReadOnlyMemory<float>.Empty)])]);
        int[] tokens = [.. Enumerable.Range(0, 80)];
        var problem = new PlacementProblem(Statistics.RoutingStatistics.Of(trace, tokens), Some.Cluster(2), Some.Sizes(2));
        PlacedLayer[] plan = [new(0, 4, [[0, 1], [2, 3]]), new(2, 4, [[0, 2], [1, 3]])];
        PlacedLayer[] moved = [new(0, 4, [[0], [2, 3, 1]]), plan[1]];
        var evaluator = new PlanEvaluator(problem, trace, tokens);
        var costs = new LayerCosts(problem, trace, tokens, plan, 0);
        var (before, after, then) = (evaluator.Measure(plan), evaluator.Measure(moved), costs.Moved(1, 0, 1));
        Assert.Equal(after.FlowBusiest - before.FlowBusiest, then.FlowBusiest - costs.Now.FlowBusiest, 9);
        // Two of the three choices are of this layer.
        Assert.Equal(3 * (after.HomeCopies - before.HomeCopies), 2 * (then.HomeCopies - costs.Now.HomeCopies), 9);
    }

    [Fact]
    public void TheMatrixHasACostWhereTheExpertIsNot()
    {
        var costs = new LayerCosts(Problem, Trace, Tokens, Plan, 1);
        var (moves, numbers) = (costs.Moves(), costs.MoveCosts());
        Assert.Equal((Experts, 4), (moves.Length, moves[0].Length));
        for (var e = 0; e < Experts; e++)
        {
            for (var g = 0; g < 4; g++)
            {
                var isHome = Plan[1].Devices[g].Contains(e);
                Assert.Equal(isHome, moves[e][g] is null);
                Assert.Equal(isHome ? 0 : moves[e][g]!.CostAgainst(costs.Now), numbers[e][g]);
            }
        }
        // Of an expert with copies the cheaper copy moves.
        Assert.Equal(Math.Min(costs.Moved(5, 0, 1).CostAgainst(costs.Now), costs.Moved(5, 3, 1).CostAgainst(costs.Now)), numbers[5][1]);
    }

    [Fact]
    public void ExpertCountsHaveLoadAlone()
    {
        var counts = new ExpertCounts("counts", [[30, 10, 20, 40]]);
        var problem = new PlacementProblem(Statistics.RoutingStatistics.Of(counts), Some.Cluster(2), Some.Sizes(1));
        var costs = new LayerCosts(problem, null, [], [new(0, 4, [[0, 1], [2, 3]])], 0);
        Assert.Equal(1.2, costs.Now.MaxOverMean, 9);
        Assert.Equal((double.NaN, double.NaN), (costs.Now.FlowBusiest, costs.Now.HomeCopies));
        var swapped = costs.Swapped(1, 0, 2, 1);
        Assert.Equal(1, swapped.MaxOverMean, 9);
        Assert.Equal(-1 / 6.0, swapped.CostAgainst(costs.Now), 9);
        Assert.True(swapped.IsBetterInAllThan(costs.Now));
    }

    static PlacedLayer[] Changed(int index, Action<List<int>[]> change)
    {
        List<int>[] devices = [.. Plan[index].Devices.Select(d => d.ToList())];
        change(devices);
        PlacedLayer[] layers = [.. Plan];
        layers[index] = layers[index] with { Devices = devices };
        return layers;
    }

    static void AreSame(PlanMeasures before, PlanMeasures after, LayerMeasures now, LayerMeasures then)
    {
        Assert.Equal(Layers * (after.MaxOverMean - before.MaxOverMean), then.MaxOverMean - now.MaxOverMean, 9);
        Assert.Equal(after.FlowBusiest - before.FlowBusiest, then.FlowBusiest - now.FlowBusiest, 6);
        Assert.Equal(Layers * (after.HomeCopies - before.HomeCopies), then.HomeCopies - now.HomeCopies, 9);
    }
}
