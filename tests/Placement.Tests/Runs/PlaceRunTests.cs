using OnnxMoe.Artifacts;
using OnnxMoe.Artifacts.Placement;
using OnnxMoe.Artifacts.Routing;
using OnnxMoe.Placement.Statistics;
using OnnxMoe.Placement.Tests.Support;

namespace OnnxMoe.Placement.Tests.Runs;

public sealed class PlaceRunTests : IDisposable
{
    readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void ATraceAndAClusterGiveAPlanAndAReport()
    {
        Some.Trace(3, 8, 2, 400, 1).Save(_folder["trace.bin"]);
        var log = Run(_folder["trace.bin"], Cluster(nodes: 2, gpus: 2), o => (o.Methods, o.SearchSeconds, o.JointSeconds, o.AssignmentSeconds) = ("all", 1, 1, 2));
        Assert.Contains("400 tokens: 208 to fit, 192 to test", log);
        var plan = PlacementPlan.Load(_folder["placement.json"]);
        Assert.Equal("moetuner", plan.Solver);
        Assert.Equal(4, plan.Devices.Count);
        Assert.Equal(Checksums.Sha256(_folder["trace.bin"]), plan.Source.TraceHash);
        Assert.All(plan.Layers, layer => Assert.All(layer.Copies(), copies => Assert.Equal(1, copies)));
        var sums = Enumerable.Range(0, 4).Select(g => plan.Layers.Sum(l => l.Devices[g].Count));
        Assert.All(sums, sum => Assert.Equal(6, sum));
        Assert.NotNull(plan.Measures["flowBusiest"].Test);
        Assert.Contains("<h1>Placement of random</h1>", File.ReadAllText(_folder["report.html"]));
    }

    [Theory]
    [InlineData("contiguous")]
    [InlineData("random")]
    [InlineData("eplb")]
    [InlineData("eplb-replicated")]
    [InlineData("balanced")]
    [InlineData("balanced-replicated")]
    [InlineData("moetuner-equal")]
    [InlineData("search")]
    [InlineData("joint")]
    public void EveryMethodGivesAValidPlan(string method)
    {
        Some.Trace(2, 8, 2, 100, 2).Save(_folder["trace.bin"]);
        Run(_folder["trace.bin"], Cluster(nodes: 1, gpus: 4), o => (o.Method, o.Methods, o.Objective) = (method, method, "balance:1"));
        Assert.Equal(method, PlacementPlan.Load(_folder["placement.json"]).Solver);
    }

    [Fact]
    public void ExpertCountsAreEnoughToBalanceLoad()
    {
        File.WriteAllText(_folder["counts.json"], """{"expert_popularity": [[10, 20, 30, 40], [0, 0, 0, 0]]}""");
        var log = Run(_folder["counts.json"], Cluster(nodes: 1, gpus: 2));
        Assert.Contains("no token reached layer(s) 1", log);
        var plan = PlacementPlan.Load(_folder["placement.json"]);
        Assert.Equal(1, plan.Measures["maxOverMean"].Fit);
        Assert.Null(plan.Measures["maxOverMean"].Test);
        Assert.DoesNotContain("flowBusiest", plan.Measures.Keys);
    }

    [Fact]
    public void TheSameInputGivesTheSamePlan()
    {
        Some.Trace(3, 6, 2, 200, 3).Save(_folder["trace.bin"]);
        string Layers()
        {
            Run(_folder["trace.bin"], Cluster(nodes: 1, gpus: 3));
            return JsonFile.ToText(PlacementPlan.Load(_folder["placement.json"]).Layers);
        }
        Assert.Equal(Layers(), Layers());
    }

    [Fact]
    public void TooLittleMemoryIsOneSentenceWithTheNumbers()
    {
        Some.Trace(2, 8, 2, 50, 4).Save(_folder["trace.bin"]);
        var error = Assert.Throws<UserError>(() => Run(_folder["trace.bin"], Cluster(nodes: 1, gpus: 2, memoryGiB: 1), o =>
        {
            o.ExpertBytes = 200L << 20;
            o.ReplicatedBytes = 100L << 20;
        }));
        Assert.Equal("The cluster 'test' has too little memory: the experts take 3.13 GiB and the other weights 100 MiB on each of 2 GPUs, together 3.32 GiB, but the GPUs have 2 GiB; 1.32 GiB more are needed: add GPUs, reserve less (reservedGiB), or export the weights with fewer bits.", error.Message);
        Assert.False(File.Exists(_folder["placement.json"]));
    }

    [Fact]
    public void OtherSplitsSayWhatSurvivesAndWhatToDo()
    {
        var log = Run(Some.Data("granite-3.0-1b-a400m.trace.json"), Cluster(nodes: 1, gpus: 4),
            o => (o.Splits, o.Methods, o.Method, o.Objective) = (4, "contiguous,random,eplb,balanced", "balanced", "balance:1"));
        Assert.Contains("Recommended: eplb; ", log);
        Assert.Contains("Warning: balanced is better than eplb by ", log);
        Assert.Contains("the gain does not survive.", log);
        var page = File.ReadAllText(_folder["report.html"]);
        Assert.Contains("Does it hold on other tokens?", page);
        Assert.Contains("Drift: max / mean load of balanced", page);
    }

    [Fact]
    public void EveryResultHasABoundThatItDoesNotBeat()
    {
        Some.Trace(3, 8, 2, 300, 1).Save(_folder["trace.bin"]);
        foreach (var method in new[] { "contiguous", "random", "eplb", "eplb-replicated", "balanced", "balanced-replicated" })
        {
            Run(_folder["trace.bin"], Cluster(nodes: 2, gpus: 2), o => (o.Method, o.Methods) = (method, method));
            var balance = PlacementPlan.Load(_folder["placement.json"]).Solves[0];
            Assert.Equal("balance", balance.Program);
            Assert.InRange(balance.Bound, 3 * 300 * 2 / 4, balance.Objective);
        }
    }

    [Fact]
    public void AMemoryRuleThatCannotHoldSaysWhatWould()
    {
        // One hot expert alone on a GPU and seven on the other, in a single layer: sizes 1 and 7, mean 4.
        File.WriteAllText(_folder["counts.json"], """{"expert_popularity": [[70, 10, 10, 10, 10, 10, 10, 10]]}""");
        var error = Assert.Throws<UserError>(() => Run(_folder["counts.json"], Cluster(1, 2), o => (o.Method, o.Methods, o.MemorySlack, o.AssignmentSeconds) = ("balanced", "balanced", 1, 1)));
        Assert.Contains("differ from the mean by at most 1; with Place:MemorySlack=3 there is one", error.Message);
    }

    [Fact]
    public void AFasterGpuGetsMoreAndASmallerOneLess()
    {
        Some.Trace(4, 16, 2, 400, 1).Save(_folder["trace.bin"]);
        File.WriteAllText(_folder["cluster.json"], """
            {"name": "mixed", "nodes": [{"gpus": 1, "memoryGiB": 48, "teraflops": 300}, {"gpus": 2, "memoryGiB": 16, "teraflops": 100}],
             "withinNode": {"gigabytesPerSecond": 450}, "betweenNodes": {"gigabytesPerSecond": 50}}
            """);
        foreach (var method in new[] { "balanced", "search" })
        {
            Run(_folder["trace.bin"], _folder["cluster.json"], o => (o.Method, o.Methods, o.ExpertBytes, o.UseAllTokens, o.ClusteringSeconds, o.AssignmentSeconds) = (method, method, 1L << 30, false, 0.3, 2));
            var plan = PlacementPlan.Load(_folder["placement.json"]);
            Assert.All(plan.Devices, d => Assert.InRange(d.UsedBytes, 1, d.MemoryBytes));
            Assert.True(plan.Devices[0].UsedBytes > plan.Devices[1].UsedBytes);
            Assert.InRange(plan.Measures["maxOverMean"].Fit, 1, 1.05);
        }
    }

    [Fact]
    public void LayersMayHaveDifferentNumbersOfExperts()
    {
        // A pyramid: 4 experts, then 8, then 16.
        var random = new Random(1);
        TracedLayer[] layers = [new(1, 4, 1), new(3, 8, 2), new(5, 16, 2)];
        ReadOnlyMemory<int>[] ids = [.. layers.Select(l => (ReadOnlyMemory<int>)Enumerable.Range(0, 200 * l.ExpertsPerToken).Select(_ => (int)(l.Experts * Math.Pow(random.NextDouble(), 2))).ToArray())];
        new RoutingTrace(new RoutingTraceHeader(layers, "pyramid", HasWeights: false), [new RoutingTraceFrame(0, RoutingPhase.Evaluation, 200, ids, [.. layers.Select(_ => ReadOnlyMemory<float>.Empty)])]).Save(_folder["trace.bin"]);
        Run(_folder["trace.bin"], Cluster(nodes: 2, gpus: 2), o => o.Method = "search");
        var plan = PlacementPlan.Load(_folder["placement.json"]);
        Assert.Equal([4, 8, 16], plan.Layers.Select(l => l.Experts));
        Assert.All(Enumerable.Range(0, 4), g => Assert.InRange(plan.Layers.Sum(l => l.Devices[g].Count), 5, 9));
    }

    [Fact]
    public void ARunningPlanIsReplannedThroughTheCommand()
    {
        Some.Trace(3, 8, 2, 400, 1).Save(_folder["trace.bin"]);
        Run(_folder["trace.bin"], Cluster(nodes: 1, gpus: 4), o => o.Method = "contiguous");
        File.Move(_folder["placement.json"], _folder["running.json"]);
        void Options(PlaceOptions o) => (o.Method, o.From, o.MoveGiB, o.ExpertBytes) = ("search", _folder["running.json"], 2, 1L << 30);
        Assert.Contains("From '", Run(_folder["trace.bin"], Cluster(nodes: 1, gpus: 4), Options));
        var moved = PlacementPlan.Load(_folder["placement.json"]).Layers.Zip(PlacementPlan.Load(_folder["running.json"]).Layers, (a, b) => a.Homes().Zip(b.Homes()).Count(pair => pair.First[0] != pair.Second[0])).Sum();
        Assert.InRange(moved, 1, 2);
        Assert.Contains("--method search", Assert.Throws<UserError>(() => Run(_folder["trace.bin"], Cluster(1, 4), o => (o.Method, o.From) = ("eplb", _folder["running.json"]))).Message);
    }

    [Fact]
    public void UnknownMethodsAreRefusedWithThoseKnown()
    {
        Some.Trace(1, 4, 1, 40, 1).Save(_folder["trace.bin"]);
        Assert.Contains("There is no placement method 'best'; the methods are contiguous,", Assert.Throws<UserError>(() => Run(_folder["trace.bin"], Cluster(1, 2), o => o.Methods = "eplb,best")).Message);
    }

    [Theory]
    [InlineData(16, "fewer than the 16 GPUs")]
    public void FewerExpertsThanGpusIsRefused(int gpus, string expected)
    {
        Some.Trace(2, 8, 2, 50, 5).Save(_folder["trace.bin"]);
        Assert.Contains(expected, Assert.Throws<UserError>(() => Run(_folder["trace.bin"], Cluster(nodes: 1, gpus: gpus))).Message);
    }

    [Fact]
    public void NegativeCountsAndForeignExpertsAreRefused()
    {
        File.WriteAllText(_folder["counts.json"], """{"expert_popularity": [[10, -20]]}""");
        Assert.Contains("negative count (-20)", Assert.Throws<UserError>(() => Run(_folder["counts.json"], Cluster(1, 2))).Message);
        File.WriteAllText(_folder["trace.json"], """{"num_layers": 1, "num_experts": 4, "top_k": 1, "prompts": {"p": {"prefill": [[[4]]]}}}""");
        Assert.Contains("names expert 4; the experts are 0 to 3", Assert.Throws<UserError>(() => Run(_folder["trace.json"], Cluster(1, 2))).Message);
    }

    [Fact]
    public void OnARealTraceLoadIsBetterBalancedOnHeldOutTokensToo()
    {
        Run(Some.Data("granite-3.0-1b-a400m.trace.json"), Cluster(nodes: 1, gpus: 4), o => (o.AssignmentSeconds, o.UseAllTokens, o.Gap) = (2, false, 0.025));
        var tuned = PlacementPlan.Load(_folder["placement.json"]).Measures["maxOverMean"];
        Run(Some.Data("granite-3.0-1b-a400m.trace.json"), Cluster(nodes: 1, gpus: 4), o => (o.Method, o.AssignmentSeconds, o.Gap) = ("contiguous", 2, 0.025));
        var contiguous = PlacementPlan.Load(_folder["placement.json"]).Measures["maxOverMean"];
        Assert.True(tuned.Test < contiguous.Test, $"{tuned.Test} against {contiguous.Test}");
        Assert.True(tuned.Fit < 1.01);
    }

    [Fact]
    public void EveryPairOfEveryTokenIsCounted()
    {
        var trace = Some.Granite;
        var statistics = RoutingStatistics.Of(trace, [.. Enumerable.Range(0, trace.Tokens)]);
        Assert.Equal((304, 24, 23), (trace.Tokens, statistics.Load.Length, statistics.Flow!.Length));
        Assert.All(statistics.Load, load => Assert.Equal(304 * 8, load.Sum()));
        Assert.All(statistics.Flow, flow => Assert.Equal(304 * 8 * 8, flow.Cast<long>().Sum()));
    }

    string Run(string trace, string cluster, Action<PlaceOptions>? change = null)
    {
        var options = Some.Options;
        (options.Trace, options.Cluster, options.Output, options.Methods) = (trace, cluster, Path.GetDirectoryName(_folder["x"])!, "contiguous");
        change?.Invoke(options);
        var log = new StringWriter();
        PlaceRun.Execute("no-model", options, log, CancellationToken.None);
        return log.ToString();
    }

    string Cluster(int nodes, int gpus, double memoryGiB = 0)
    {
        var list = string.Join(", ", Enumerable.Repeat($$"""{"gpus": {{gpus}}, "memoryGiB": {{memoryGiB}}}""", nodes));
        File.WriteAllText(_folder["cluster.json"], $$"""{"name": "test", "nodes": [{{list}}], "withinNode": {"gigabytesPerSecond": 450}, "betweenNodes": {"gigabytesPerSecond": 50} }""");
        return _folder["cluster.json"];
    }
}
