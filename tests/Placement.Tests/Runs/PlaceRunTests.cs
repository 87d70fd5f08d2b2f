using OnnxMoe.Artifacts;
using OnnxMoe.Artifacts.Placement;
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
        var log = Run(_folder["trace.bin"], Cluster(nodes: 2, gpus: 2));
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
        Run(_folder["trace.bin"], Cluster(nodes: 1, gpus: 4), o => (o.Method, o.Methods, o.Objective) = (method, "contiguous", "balance:1"));
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
        Assert.Equal("The cluster 'test' has too little memory: the experts take 3.13 GiB and the other weights 100 MiB on each of 2 GPUs, together 3.32 GiB, but the GPUs have 2 GiB.", error.Message);
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
        (options.Trace, options.Cluster, options.Output) = (trace, cluster, Path.GetDirectoryName(_folder["x"])!);
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
