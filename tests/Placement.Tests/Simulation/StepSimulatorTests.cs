using OnnxMoe.Artifacts;
using OnnxMoe.Artifacts.Placement;
using OnnxMoe.Placement.Clusters;
using OnnxMoe.Placement.Costs;
using OnnxMoe.Placement.Simulation;
using OnnxMoe.Placement.Solvers;
using OnnxMoe.Placement.Tests.Support;

namespace OnnxMoe.Placement.Tests.Simulation;

public sealed class StepSimulatorTests
{
    static readonly ModelSizes Sizes = SizesOf(2);

    static ModelSizes SizesOf(int layers) => Some.Sizes(layers) with { Shapes = [.. Enumerable.Repeat(SomeLayer.Shape, layers)] };

    [Fact]
    public void TheSameSeedGivesTheSameTimesAndAnotherOneOthers()
    {
        var trace = Some.Trace(2, 8, 2, 300, 1);
        StepTimes Run(int seed) => new StepSimulator(SomeLayer.Gpus(4), Sizes, new StepOptions { BatchTokens = 500, Steps = 5, Seed = seed }).Run(Plan(8, 4), trace, [.. Enumerable.Range(0, 300)]);
        var times = Run(1);
        Assert.Equal(times.Seconds, Run(1).Seconds);
        Assert.NotEqual(times.Seconds, Run(2).Seconds);
        Assert.True(times.P50 <= times.P95 && times.P95 <= times.Max && times.Mean <= times.Max);
        Assert.Equal(times.Mean, times.Layers.Sum(l => l.Slowest), 12);
        Assert.InRange(times.CommunicationShare, 0.01, 0.99);
        Assert.All(times.Layers, l => Assert.True(l.Tail >= 1));
    }

    [Fact]
    public void AStepIsTheSumOfItsLayers()
    {
        var trace = Some.Trace(2, 8, 2, 64, 3);
        var cluster = SomeLayer.Gpus(4);
        var options = new StepOptions { BatchTokens = 128, Steps = 1, MergeCopies = false };
        var step = new StepSimulator(cluster, Sizes, options).Run(Plan(8, 4), trace, [5]);
        // One token only: the batch is known.
        var expected = 0.0;
        for (var l = 0; l < 2; l++)
        {
            int[] ids = [.. Enumerable.Range(0, 128).SelectMany(_ => trace.Ids(l, 5).ToArray())];
            var rows = RankRows.Of(SomeLayer.Contiguous(8, 4), ids, 2, [.. Enumerable.Range(0, 128).Select(t => t % 4)], mergeCopies: false);
            expected += LayerTimes.Of(SomeLayer.Simulators(cluster, rows), OverlapPolicy.None).Seconds;
        }
        Assert.Equal(expected, step.Seconds.Single(), 12);
    }

    [Fact]
    public void TheSlowestGpuSetsThePace()
    {
        var trace = Some.Trace(2, 8, 2, 300, 1);
        int[] tokens = [.. Enumerable.Range(0, 300)];
        // Large batches, so that computing and not reading weights takes the time.
        StepTimes Run(Cluster cluster, int slow = 0) => new StepSimulator(cluster, Sizes, new StepOptions { BatchTokens = 4096, Steps = 4, SlowGpus = slow, SlowFactor = 3 }).Run(Plan(8, 4), trace, tokens);
        var even = Run(SomeLayer.Gpus(4));
        Assert.True(Run(SomeLayer.Gpus(4), slow: 1).Mean > even.Mean);
        Assert.True(Run(SomeLayer.Gpus(4), slow: 1).Tail > even.Tail);
        var unequal = new Cluster(new ClusterDescription("unequal", [Node(3, 989), Node(1, 300)], new ClusterLink(200, 5)) { BetweenNodes = new ClusterLink(200, 5) }, "unequal.json");
        Assert.True(Run(unequal).Mean > even.Mean);
        static ClusterNode Node(int gpus, double teraflops) => new(gpus) { Teraflops = teraflops, Blocks = 132, MemoryGigabytesPerSecond = 3350 };
    }

    [Fact]
    public void BalanceIsWorthTime()
    {
        // Expert 0 has half of all tokens: with copies of it on all GPUs the step is faster.
        var random = new Random(1);
        var one = PlacementSolution.Layer(0, [0, 0, 1, 1, 2, 2, 3, 3], 4);
        var copied = new PlacedLayer(0, 8, [[0, 1], [0, 2, 3], [0, 4, 5], [0, 6, 7]]);
        var header = new Artifacts.Routing.RoutingTraceHeader([new Artifacts.Routing.TracedLayer(0, 8, 1)], "hot", HasWeights: false);
        int[] ids = [.. Enumerable.Range(0, 1000).Select(_ => random.Next(2) == 0 ? 0 : random.Next(1, 8))];
        var trace = new Artifacts.Routing.RoutingTrace(header, [new Artifacts.Routing.RoutingTraceFrame(0, Artifacts.Routing.RoutingPhase.Decode, 1000, [ids], [ReadOnlyMemory<float>.Empty])]);
        var simulator = new StepSimulator(SomeLayer.Gpus(4), SizesOf(1), new StepOptions { BatchTokens = 8192, Steps = 3 });
        StepTimes Run(PlacedLayer layer) => simulator.Run([layer], trace, [.. Enumerable.Range(0, 1000)]);
        Assert.True(Run(copied).Mean < 0.8 * Run(one).Mean);
        Assert.True(Run(copied).Tail < Run(one).Tail);
    }

    [Fact]
    public void CometIsTunedByItselfOrFollowsAProfile()
    {
        var trace = Some.Trace(1, 8, 2, 200, 2);
        int[] tokens = [.. Enumerable.Range(0, 200)];
        var cluster = SomeLayer.Gpus(4);
        StepTimes Run(StepOptions options) => new StepSimulator(cluster, SizesOf(1), options with { Steps = 2, BatchTokens = 4096 }).Run(Plan(8, 4, 1), trace, tokens);
        var comet = Run(new() { Policy = OverlapPolicy.Comet });
        Assert.True(comet.Mean < Run(new()).Mean);
        var profile = new OverlapProfile(OverlapProfile.CurrentFormat, OverlapProfile.HashOf(cluster), SomeLayer.Shape, 8, 2, [new ProfileEntry(512, 2, 2, 1024, 1)]);
        var poor = Run(new() { Policy = OverlapPolicy.Comet, Profile = profile });
        Assert.True(poor.Mean > comet.Mean);
        Assert.Equal(["No division of blocks was tuned for 4096 tokens; that for 512 is taken."], poor.Notes);
        var other = profile with { Hardware = "none" };
        Assert.Contains("other hardware", Assert.Throws<UserError>(() => Run(new() { Policy = OverlapPolicy.Comet, Profile = other })).Message);
    }

    [Fact]
    public void ARealTraceRunsOnTwoNodes()
    {
        var trace = Some.Granite;
        var layers = trace.Layers.Select(l => SomeLayer.Contiguous(32, 8) with { Layer = l.Layer }).ToArray();
        var sizes = Some.Sizes(24) with { Shapes = [.. Enumerable.Repeat(new ExpertShape(1024, 512, Gated: true), 24)] };
        var times = new StepSimulator(SomeLayer.Gpus(8, nodes: 2), sizes, new StepOptions { BatchTokens = 256, Steps = 3 }).Run(layers, trace, [.. Enumerable.Range(0, trace.Tokens)]);
        Assert.Equal(24, times.Layers.Count);
        Assert.InRange(times.Tail, 1, 4);
    }

    [Fact]
    public void WhatIsMissingIsSaid()
    {
        var trace = Some.Trace(2, 8, 2, 50, 1);
        void Refused(string expected, Action what) => Assert.Contains(expected, Assert.Throws<UserError>(what).Message);
        Refused("shape of the experts is not known", () => new StepSimulator(SomeLayer.Gpus(4), Some.Sizes(2)).Run(Plan(8, 4), trace, [0]));
        Refused("does not say how fast its GPUs are", () => new StepSimulator(Some.Cluster(4), Sizes).Run(Plan(8, 4), trace, [0]));
        Refused("no tokens", () => new StepSimulator(SomeLayer.Gpus(4), Sizes).Run(Plan(8, 4), trace, []));
        Refused("on 4 GPUs, but 'test' has 2", () => new StepSimulator(SomeLayer.Gpus(2), Sizes).Run(Plan(8, 4), trace, [0]));
        Refused("the sizes of 2 are known", () => new StepSimulator(SomeLayer.Gpus(4), Sizes).Run(Plan(8, 4, 1), trace, [0]));
        Refused("0 steps of 1024 tokens", () => new StepSimulator(SomeLayer.Gpus(4), Sizes, new() { Steps = 0 }));
        Refused("5 of 4 GPUs cannot be", () => new StepSimulator(SomeLayer.Gpus(4), Sizes, new() { SlowGpus = 5 }));
        Refused("0 x 128", () => new StepSimulator(SomeLayer.Gpus(4), Sizes, new() { Tile = new TileSize(0, 128) }));
        Assert.Null(StepSimulator.Missing(SomeLayer.Gpus(4), Sizes));
    }

    static PlacedLayer[] Plan(int experts, int gpus, int layers = 2) => [.. Enumerable.Range(0, layers).Select(l => SomeLayer.Contiguous(experts, gpus) with { Layer = l })];
}
