using OnnxMoe.Artifacts;
using OnnxMoe.Artifacts.Placement;
using OnnxMoe.Artifacts.Routing;
using OnnxMoe.Placement.Costs;
using OnnxMoe.Placement.Solvers;
using OnnxMoe.Placement.Statistics;
using OnnxMoe.Placement.Tests.Support;

namespace OnnxMoe.Placement.Tests.Routing;

/// <summary>Layers that pass their experts several times for a token (Chain-of-Experts).</summary>
public sealed class IterationTests : IDisposable
{
    const int Experts = 6, Slots = 2, Tokens = 300;

    /// <summary>Layer 1 makes two iterations, layer 2 one, layer 4 three.</summary>
    static readonly TracedLayer[] Sites =
    [
        new(1, Experts, Slots), new(1, Experts, Slots) { Iteration = 1 }, new(2, Experts, 3),
        new(4, Experts, Slots), new(4, Experts, Slots) { Iteration = 1 }, new(4, Experts, Slots) { Iteration = 2 },
    ];

    static readonly int[] LayerOf = [0, 0, 1, 2, 2, 2];

    readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void ATraceKeepsTheIterations()
    {
        var trace = Trace();
        trace.Save(_folder["trace.bin"]);
        var read = RoutingTrace.Load(_folder["trace.bin"]);
        Assert.Equal(Sites, read.Layers);
        Assert.True(read.Header.HasIterations);
        for (var s = 0; s < Sites.Length; s++)
            Assert.Equal(trace.Ids(s).ToArray(), read.Ids(s).ToArray());
    }

    [Fact]
    public void WhoDoesNotKnowIterationsCannotReadThem()
    {
        Trace().Save(_folder["chain.bin"]);
        Some.Trace(2, 4, 2, 10, 1).Save(_folder["plain.bin"]);
        Assert.Equal(2u, BitConverter.ToUInt32(File.ReadAllBytes(_folder["chain.bin"]), 8));
        Assert.Equal(1u, BitConverter.ToUInt32(File.ReadAllBytes(_folder["plain.bin"]), 8));
        Assert.DoesNotContain("iteration", File.ReadAllText(_folder["plain.bin"]));
    }

    public static TheoryData<TracedLayer[], string> WrongOrders() => new()
    {
        { [new(1, 6, 2) { Iteration = 1 }], "iteration 1 of layer 1 must follow iteration 0" },
        { [new(1, 6, 2), new(1, 6, 2) { Iteration = 2 }], "iteration 2 of layer 1 must follow iteration 1" },
        { [new(1, 6, 2), new(2, 6, 2) { Iteration = 1 }], "iteration 1 of layer 2 must follow iteration 0" },
        { [new(1, 6, 2), new(1, 5, 2) { Iteration = 1 }], "have as many experts" },
        { [new(1, 6, 2), new(1, 6, 2)], "ascending order" },
    };

    [Theory]
    [MemberData(nameof(WrongOrders))]
    public void IterationsFollowEachOtherOverTheSameExperts(TracedLayer[] layers, string message)
    {
        var error = Assert.Throws<UserError>(() => new RoutingTraceWriter(_folder["trace.bin"], new RoutingTraceHeader(layers)));
        Assert.Contains(message, error.Message);
    }

    [Fact]
    public void AnExpertsLoadIsTheSumOverTheIterations()
    {
        var trace = Trace();
        var statistics = Statistics(trace);
        Assert.Equal([(1, 4), (2, 3), (4, 6)], statistics.Layers.Select(layer => (layer.Layer, layer.ExpertsPerToken)));
        Assert.Equal(LayerOf, statistics.LayerOfSite);
        for (var l = 0; l < 3; l++)
        {
            var ids = Enumerable.Range(0, Sites.Length).Where(s => LayerOf[s] == l).SelectMany(s => trace.Ids(s).ToArray()).ToArray();
            Assert.Equal(Enumerable.Range(0, Experts).Select(e => (long)ids.Count(id => id == e)), statistics.Load[l]);
        }
    }

    [Fact]
    public void StepsGoFromIterationToIterationAndFromTheLastToTheNextLayer()
    {
        var trace = Trace();
        var statistics = Statistics(trace);
        Assert.Equal([(0, 0), (0, 1), (1, 2), (2, 2), (2, 2)], statistics.Steps!.Select(step => (step.From, step.To)));
        for (var s = 0; s < Sites.Length - 1; s++)
        {
            var expected = new long[Experts, Experts];
            for (var t = 0; t < Tokens; t++)
                foreach (var e1 in trace.Ids(s, t))
                    foreach (var e2 in trace.Ids(s + 1, t))
                        if (e1 >= 0 && e2 >= 0)
                            expected[e1, e2]++;
            Assert.Equal(expected, statistics.Steps![s].Tokens);
        }
        Assert.Equal([statistics.Steps![1].Tokens, statistics.Steps[2].Tokens], statistics.Flow!);
    }

    [Fact]
    public void EveryIterationMovesItsTokens()
    {
        var trace = Trace();
        var cluster = Some.Cluster(2);
        var problem = new PlacementProblem(Statistics(trace), cluster, Some.Sizes(3));
        PlacedLayer[] plan = [Layer(1, [0, 1, 2]), Layer(2, [0, 2, 4]), Layer(4, [1, 2, 5])];
        var evaluator = new PlanEvaluator(problem, trace, [.. Enumerable.Range(0, Tokens)]);
        var total = new double[2, 2];
        double visits = 0;
        for (var t = 0; t < Tokens; t++)
        {
            for (var s = 0; s < Sites.Length; s++)
            {
                var gpus = Gpus(s, t);
                visits += gpus.Distinct().Count();
                foreach (var from in s == 0 ? [] : Gpus(s - 1, t))
                    foreach (var to in gpus)
                        total[from, to]++;
            }
        }
        var measured = evaluator.FlowTotal(plan);
        Assert.Equal(total.Cast<double>(), measured.SelectMany(row => row));
        Assert.Equal(visits / 2 / Tokens / Sites.Length, evaluator.Measure(plan).HomeCopies, 1e-9);

        int[] Gpus(int site, int token) => [.. trace.Ids(site, token).ToArray().Where(e => e >= 0).Select(e => plan[LayerOf[site]].Devices[0].Contains(e) ? 0 : 1)];
    }

    [Fact]
    public void APlanPlacesEachLayersExpertsOnceAndSaysWhatItDoesNotPlanFor()
    {
        Trace().Save(_folder["trace.bin"]);
        var cluster = _folder["cluster.json"];
        File.WriteAllText(cluster, """{"name": "small", "nodes": [{"gpus": 2}], "withinNode": {"gigabytesPerSecond": 450}}""");
        var (options, log) = (Some.Options, new StringWriter());
        (options.Trace, options.Cluster, options.Output) = (_folder["trace.bin"], cluster, _folder["."]);
        PlaceRun.Execute(_folder["no-model"], options, log, default);
        var plan = PlacementPlan.Load(_folder["placement.json"]);
        Assert.Equal([1, 2, 4], plan.Layers.Select(layer => layer.Layer));
        Assert.All(plan.Layers, layer => Assert.All(layer.Copies(), copies => Assert.Equal(1, copies)));
        Assert.Contains("between the iterations of a layer is measured but not planned for", log.ToString());
    }

    static RoutingStatistics Statistics(RoutingTrace trace) => RoutingStatistics.Of(trace, [.. Enumerable.Range(0, trace.Tokens)]);

    /// <summary>On two GPUs, of which the first has the given experts.</summary>
    static PlacedLayer Layer(int number, int[] first) => PlacementSolution.Layer(number, [.. Enumerable.Range(0, Experts).Select(e => first.Contains(e) ? 0 : 1)], 2);

    static RoutingTrace Trace()
    {
        var random = new Random(5);
        var ids = Sites.Select(site =>
        {
            var all = Enumerable.Range(0, Tokens).SelectMany(_ => Enumerable.Range(0, Experts).OrderBy(e => random.NextDouble() * (1 + e)).Take(site.ExpertsPerToken)).ToArray();
            all[3] = -1; // a token without an expert in a slot
            return (ReadOnlyMemory<int>)all;
        }).ToArray();
        return new RoutingTrace(new RoutingTraceHeader(Sites, "chain", HasWeights: false),
            [new RoutingTraceFrame(0, RoutingPhase.Evaluation, Tokens, ids, [.. ids.Select(_ => ReadOnlyMemory<float>.Empty)])]);
    }
}
