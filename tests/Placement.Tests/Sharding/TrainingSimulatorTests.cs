using OnnxMoe.Artifacts;
using OnnxMoe.Artifacts.Placement;
using OnnxMoe.Artifacts.Routing;
using OnnxMoe.Placement.Clusters;
using OnnxMoe.Placement.Sharding;
using OnnxMoe.Placement.Sharding.Policies;

namespace OnnxMoe.Placement.Tests.Sharding;

public sealed class TrainingSimulatorTests
{
    static readonly Cluster Machine = SomeShards.Cluster(2, 2);
    static readonly TrainingCosts Costs = SomeShards.Costs(Machine);

    [Fact]
    public void WithoutOverlapOrMemoryHecateIsExpertParallelism()
    {
        var counts = SomeShards.Counts(20, 2, 8, seed: 1);
        var simulator = new TrainingSimulator(counts, Costs);
        var plain = simulator.Run(new ExpertParallelPolicy());
        foreach (var (t, m) in new[] { (0, 8), (8, 0) })
        {
            var hecate = simulator.Run(new HecatePolicy(Costs, t, m, every: 0));
            Assert.Equal(plain.Iterations, hecate.Iterations);
            Assert.Equal(plain.Memory, hecate.Memory);
        }
    }

    /// <summary>From the second iteration on; the first has nothing to expect.</summary>
    [Fact]
    public void WithAllOverlapAndMemoryHecateIsFullySharded()
    {
        var simulator = new TrainingSimulator(SomeShards.Counts(20, 2, 8, seed: 2), Costs);
        var (all, hecate) = (simulator.Run(new AllCopiesPolicy()), simulator.Run(new HecatePolicy(Costs, 8, 8, every: 0)));
        Assert.Equal(all.Iterations.Skip(1), hecate.Iterations.Skip(1));
        Assert.Equal(all.Memory, hecate.Memory);
        Assert.All(all.Iterations, iteration => Assert.Equal(1, iteration.Straggler, 9));
        Assert.All(all.Iterations, iteration => Assert.Equal(0, iteration.TokenBytes));
    }

    /// <summary>The hot expert changes at step 10: the plan of step 10 is still for the old one, and follows after it.</summary>
    [Fact]
    public void APlanNeverSeesItsOwnIteration()
    {
        static long[] Hot(int expert) => [.. Enumerable.Range(0, 8).Select(e => e == expert ? 1000L : 10)];
        var counts = new IterationCounts("flip", [.. Enumerable.Range(0, 20).Select(i => new[] { Hot(i < 10 ? 3 : 6) })]);
        var spy = new Spy(new HecatePolicy(Costs, 1, 1, every: 0)) { Window = 1 };
        var result = new TrainingSimulator(counts, Costs).Run(spy);
        Assert.Equal([.. Enumerable.Repeat(3, 10), .. Enumerable.Repeat(6, 9)], spy.Copied);
        var straggler = result.Iterations.Select(iteration => iteration.Straggler).ToArray();
        Assert.True(straggler[10] > 2 && straggler[9] < 1.1 && straggler[11] < 1.1, string.Join(' ', straggler));
    }

    /// <summary>Two traces that are equal up to an iteration have equal plans up to and in it.</summary>
    [Fact]
    public void TheFutureChangesNoPlan()
    {
        var (one, other) = (SomeShards.Counts(30, 2, 8, seed: 3), SomeShards.Counts(30, 2, 8, seed: 4));
        var mixed = new IterationCounts("mixed", [.. Enumerable.Range(0, 30).Select(i => (i < 17 ? one : other)[i].Select(layer => layer.ToArray()).ToArray())]);
        Spy Planned(IterationCounts counts)
        {
            var spy = new Spy(new HecatePolicy(Costs, 3, 2, every: 5));
            new TrainingSimulator(counts, Costs).Run(spy);
            return spy;
        }
        var (a, b) = (Planned(one).Plans, Planned(mixed).Plans);
        Assert.Equal(a.Take(18 * 2), b.Take(18 * 2));
        Assert.NotEqual(a.Skip(18 * 2), b.Skip(18 * 2));
    }

    [Fact]
    public void PoliciesThatWaitForTheGateNeverLose()
    {
        var simulator = new TrainingSimulator(SomeShards.Counts(40, 2, 8, seed: 5, changeEvery: 4), Costs, scale: 50);
        var (plain, hot) = (simulator.Run(new ExpertParallelPolicy()), simulator.Run(new HotEverywherePolicy(Costs, 8)));
        Assert.All(plain.Iterations.Zip(hot.Iterations), pair => Assert.True(pair.Second.Seconds <= pair.First.Seconds));
        Assert.Contains(hot.Iterations, iteration => iteration.Copies > 0);
        var (without, with) = (simulator.Run(new HecatePolicy(Costs, 2, 2, every: 0)), simulator.Run(new HecatePolicy(Costs, 2, 2, every: 0, calibrates: true)));
        Assert.All(without.Iterations.Zip(with.Iterations), pair => Assert.True(pair.Second.Seconds <= pair.First.Seconds));
        Assert.True(with.Seconds < without.Seconds);
    }

    [Fact]
    public void CalibrationKeepsTheCapAndNeedsTrueCounts()
    {
        var policy = new HecatePolicy(Costs, 2, 1, every: 0, calibrates: true);
        var owned = ExpertShards.Even(1, 8, 4)[0];
        var planned = SparseMaterialization.Plan(owned, [90, 80, 1, 1, 1, 1, 1, 1], 2, 1, Machine);
        double[] counts = [1e6, 1, 1, 1, 1, 1, 1, 9e6];
        var calibrated = policy.Calibrate(owned, planned, counts);
        Assert.All(calibrated.Devices.Zip(owned.Devices), pair => Assert.True(pair.First.Count - pair.Second.Count <= 1));
        Assert.Contains("needs the true tokens of its 8 experts", Assert.Throws<UserError>(() => policy.Calibrate(owned, planned, null)).Message);
    }

    /// <summary>Attention of 100 us at 10 GB/s lets 1,000,000 bytes through: 1953 experts of 512 bytes.</summary>
    [Fact]
    public void OverlapCountsWeightsOnTheSlowestLink()
    {
        Assert.Equal((8 * 64 + 32) * 100 / 1e12, Costs.Attention, 15);
        Assert.Equal((int)(Costs.Attention * 10e9 / 512), Costs.Overlap);
        var uniform = new Cluster(new ClusterDescription("one", [new ClusterNode(2) { Teraflops = 1 }], new ClusterLink(100)), "one.json");
        Assert.Equal((int)(Costs.Attention * 100e9 / 512), SomeShards.Costs(uniform).Overlap);
        Assert.Contains("how fast", Assert.Throws<UserError>(() => SomeShards.Costs(new Cluster(new ClusterDescription("slow", [new ClusterNode(2)], new ClusterLink(100)), "slow.json"))).Message);
    }

    /// <summary>No more is hidden than attention takes, and twice that in the backward.</summary>
    [Theory]
    [InlineData(1)]
    [InlineData(1000)]
    public void WhatAttentionDoesNotHideIsExposed(int tokens)
    {
        var costs = SomeShards.Costs(Machine, tokens);
        var owned = ExpertShards.Even(1, 8, 4)[0];
        var placed = SparseMaterialization.Plan(owned, [8, 7, 6, 5, 4, 3, 2, 1], 4, 4, Machine);
        var transfer = new TransferClock(Machine).Add(SparseCollectives.AllGather(owned, owned, placed, Machine), 512).Seconds;
        var counts = Enumerable.Repeat(100.0, 8).ToArray();
        var time = costs.Time(owned, placed, placed, counts);
        Assert.Equal(Math.Max(0, transfer - costs.Attention), time.Gather, 12);
        Assert.Equal(Math.Max(0, transfer - (2 * costs.Attention)), time.Reduce, 12);
        Assert.Equal(3 * costs.Attention, time.Attention, 12);
        var again = costs.Time(owned, placed, placed, counts, rematerialized: true);
        Assert.Equal(Math.Max(0, (2 * transfer) - (2 * costs.Attention)), again.Reduce, 12);
        Assert.Equal(1.5 * time.CollectiveBytes, again.CollectiveBytes);
        Assert.Equal(transfer, costs.Time(owned, owned, placed, counts).Late, 12);
    }

    [Fact]
    public void ExpertsOfTheSlowestDeviceTakeTheirTime()
    {
        var owned = ExpertShards.Even(1, 4, 4)[0];
        var time = Costs.Time(owned, owned, owned, [40, 0, 0, 8]);
        Assert.Equal(40.0 / 12, time.Straggler, 9);
        Assert.Equal(3 * 40 * 512 / 1e12, time.Experts, 15);
        // 3 of 4 tokens come from another device; there and back, forward and backward, 16 bytes each.
        Assert.Equal(4 * 48 * 0.75 * 16, time.TokenBytes, 9);
    }

    [Fact]
    public void MemoryIsSplitAndReleased()
    {
        var simulator = new TrainingSimulator(SomeShards.Counts(30, 3, 8, seed: 6), Costs);
        var plain = simulator.Run(new ExpertParallelPolicy()).Memory;
        var (hecate, again, all) = (simulator.Run(new HecatePolicy(Costs, 3, 2, every: 10)).Memory, simulator.Run(new HecatePolicy(Costs, 3, 2, every: 10, rematerializes: true)).Memory, simulator.Run(new AllCopiesPolicy()).Memory);
        Assert.Equal(new MemorySplit(6 * 256 * 12, 6 * 512, 6 * 512), plain);
        Assert.All([hecate, again, all], memory => Assert.Equal(plain.States, memory.States)); // optimizer states are never copied
        Assert.Equal(plain.Weights + (2 * 512), again.Weights);
        Assert.Equal(plain.Weights + (3 * 2 * 512), hecate.Weights);
        Assert.True(plain.Total < again.Total && again.Total < hecate.Total && hecate.Total < all.Total);
    }

    /// <summary>What fits beside the owned experts; a copy has weights for all its layers and a gradient in one.</summary>
    [Fact]
    public void CopiesFillTheMemory()
    {
        var costs = SomeShards.Costs(SomeShards.Cluster(1, 2, memoryGiB: 1.0 / 1024)); // 1 MiB
        Assert.Equal(((1 << 20) - (10 * 256 * 16)) / (512 * 4), costs.Copies(10, layers: 3, most: 1000));
        Assert.Equal(5, costs.Copies(10, layers: 3, most: 5));
        Assert.Equal(77, Costs.Copies(10, 3, most: 77)); // the memory is not known
        Assert.Contains("take more devices", Assert.Throws<UserError>(() => costs.Copies(300, 3, 9)).Message);
    }

    [Fact]
    public void SwapsNeverRaiseTheBusiestDeviceAndKeepTheNumbers()
    {
        var random = new Random(7);
        for (var round = 0; round < 50; round++)
        {
            var (load, owned) = (SomeShards.Load(random, 12), ExpertShards.Even(1, 12, 4)[0]);
            double Peak(PlacedLayer layer) => layer.Devices.Max(held => held.Sum(e => load[e]));
            var swapped = SwapPolicy.Swapped(owned, load);
            Assert.True(Peak(swapped) <= Peak(owned));
            Assert.Equal(12, ExpertShards.Owners(swapped).Length);
            Assert.All(swapped.Devices, held => Assert.Equal(3, held.Count));
            Assert.Same(swapped, SwapPolicy.Swapped(swapped, load)); // no swap with the busiest device helps any more
        }
    }

    [Fact]
    public void MovingOwnersTakesWeightsAndStates()
    {
        var before = ExpertShards.Even(1, 4, 2);
        var after = new[] { before[0] with { Devices = [[0, 2], [1, 3]] } };
        Assert.Equal(2 * 256 * 14, Costs.Move(before, after).Bytes);
        Assert.Equal(0, Costs.Move(before, before).Bytes);
    }

    /// <summary>Writes down the plans of another policy: copied experts of the first layer, and everything as text.</summary>
    sealed class Spy(ShardingPolicy inner) : ShardingPolicy(inner.Name, inner.Meaning)
    {
        public List<int> Copied { get; } = [];

        public List<string> Plans { get; } = [];

        public override IReadOnlyList<PlacedLayer> Owners(int iteration, IReadOnlyList<PlacedLayer> owners, IReadOnlyList<double[]> estimate) => inner.Owners(iteration, owners, estimate);

        public override PlacedLayer Materialize(PlacedLayer owned, double[]? estimate)
        {
            var placed = inner.Materialize(owned, estimate);
            Copied.AddRange(SomeShards.Copies(owned, placed).Select(copy => copy.Expert).Distinct());
            Plans.Add(string.Join('|', placed.Devices.Select(held => string.Join(',', held))));
            return placed;
        }
    }
}
