using OnnxMoe.Artifacts;
using OnnxMoe.Placement.Clusters;
using OnnxMoe.Placement.Simulation;

namespace OnnxMoe.Placement.Tests.Simulation;

public sealed class RankSimulatorTests
{
    static readonly OverlapPolicy[] Policies = [OverlapPolicy.None, OverlapPolicy.Chunked(2), OverlapPolicy.Chunked(4), OverlapPolicy.Comet];
    static readonly BlockSplit Split = new(16, 20, 256);

    [Theory]
    [InlineData(1, false)]
    [InlineData(2, false)]
    [InlineData(1, true)]
    public void NoPolicyIsFasterThanItsBoundsOrSlowerThanOneThingAfterTheOther(int nodes, bool merge)
    {
        var cluster = SomeLayer.Gpus(8, nodes: nodes);
        foreach (var (tokens, experts, k) in new[] { (64, 8, 2), (1024, 16, 4), (4096, 24, 2), (0, 8, 2) })
        {
            foreach (var gpu in SomeLayer.Simulators(cluster, SomeLayer.Rows(tokens, experts, k, 8, seed: tokens, merge)))
            {
                foreach (var policy in Policies)
                {
                    var times = gpu.Run(policy, Split);
                    Assert.All(times.Halves, half =>
                    {
                        Assert.True(half.Seconds >= Math.Max(half.Compute, half.Communication) - 1e-12);
                        Assert.InRange(half.Seconds, half.Critical - 1e-12, half.Serial + 1e-12);
                        Assert.InRange(half.Overlap, 0, half.Seconds * 4);
                    });
                    Assert.True(times.Seconds >= times.Compute - 1e-12);
                }
            }
        }
    }

    [Fact]
    public void BytesArePairsTimesTheRowInEitherDirection()
    {
        var rows = SomeLayer.Rows(1024, 16, 4, 8);
        var cluster = SomeLayer.Gpus(8);
        var gpus = SomeLayer.Simulators(cluster, rows);
        Assert.Equal(1024 * 4, rows.Sum(r => r.ExpertRows.Sum()));
        foreach (var policy in Policies)
        {
            var times = LayerTimes.Of(gpus, policy, Split);
            Assert.All(times.Gpus.Zip(rows), pair => Assert.Equal((pair.Second.RemoteReceived + pair.Second.RemoteReturned) * 1024L * 2, pair.First.Bytes));
            var remotePairs = rows.Sum(r => r.ExpertRows.Sum() - r.Rows.Sum(e => e[r.Rank]));
            Assert.Equal(2L * remotePairs * 1024 * 2, times.Bytes);
        }
        var merged = SomeLayer.Rows(1024, 16, 4, 8, merge: true);
        Assert.True(merged.Sum(r => r.RemoteReceived) < rows.Sum(r => r.RemoteReceived));
        Assert.All(merged, r => Assert.Equal(r.RemoteReceived, r.RemoteReturned));
        Assert.Equal(rows.Select(r => r.ExpertRows), merged.Select(r => r.ExpertRows));
    }

    [Fact]
    public void WithLinksThatTakeNoTimeAllPoliciesTie()
    {
        // 1 or 4 row tiles of 8 column tiles fit into one wave, with 116 blocks as with 132; chunks of full tiles pad nothing.
        var cluster = SomeLayer.Gpus(8, gigabytes: 1e15, microseconds: 0, memory: 0, block: 0);
        var shape = new ExpertShape(1024, 1024, Gated: false);
        int[] some = [.. Enumerable.Repeat(64, 8)];
        var gpu = new RankSimulator(cluster, shape, TileSize.Usual, new RankRows(0, [some], [some], some));
        var none = gpu.Run(OverlapPolicy.None).Seconds;
        Assert.Equal(none, gpu.Run(OverlapPolicy.Comet, new BlockSplit(16, 16, 1024)).Seconds, 12);
        // As chunks run one after the other, they tie when each fills the blocks as well as the whole does.
        var filled = new RankSimulator(SomeLayer.Gpus(8, gigabytes: 1e15, microseconds: 0, memory: 0, block: 0, blocks: 8), shape, TileSize.Usual, new RankRows(0, [some], [some], some));
        foreach (var chunks in new[] { 2, 4 })
            Assert.Equal(filled.Run(OverlapPolicy.None).Seconds, filled.Run(OverlapPolicy.Chunked(chunks)).Seconds, 12);
        Assert.Equal(filled.Run(OverlapPolicy.None).Compute, filled.Run(OverlapPolicy.None).Seconds, 12);
    }

    [Fact]
    public void WithComputingThatTakesNoTimeAllPoliciesTie()
    {
        var cluster = SomeLayer.Gpus(8, microseconds: 0, teraflops: 1e15, memory: 0, block: 0);
        foreach (var gpu in SomeLayer.Simulators(cluster, SomeLayer.Rows(4096, 16, 2, 8)))
        {
            var none = gpu.Run(OverlapPolicy.None);
            Assert.Equal(none.Halves[0].Bytes / 200e9, none.Seconds, 9);
            Assert.Equal(none.Seconds, gpu.Run(OverlapPolicy.Comet, Split).Seconds, 9);
            Assert.Equal(none.Seconds, gpu.Run(OverlapPolicy.Chunked(4)).Seconds, 9);
        }
    }

    [Fact]
    public void SecondProductsSplitByRowsHideNothing()
    {
        var shape = new ExpertShape(4096, 4096, Gated: true);
        foreach (var rows in SomeLayer.Rows(8192, 16, 2, 8))
        {
            var byRows = new RankSimulator(SomeLayer.Gpus(8), shape, TileSize.Usual, rows) { SplitColumns = false }.Combine(Split);
            var byColumns = new RankSimulator(SomeLayer.Gpus(8), shape, TileSize.Usual, rows).Combine(Split);
            Assert.Equal(0, byRows.Overlap);
            Assert.True(byColumns.Overlap > 0);
            Assert.True(byColumns.Seconds < byRows.Seconds);
        }
    }

    [Fact]
    public void RowsThatAreNotSortedLoseTheOverlapOfTheFirstProduct()
    {
        var cluster = SomeLayer.Gpus(8);
        foreach (var rows in SomeLayer.Rows(8192, 8, 2, 8))
        {
            var sorted = new RankSimulator(cluster, SomeLayer.Shape, TileSize.Usual, rows).Dispatch(24);
            var mixed = new RankSimulator(cluster, SomeLayer.Shape, TileSize.Usual, rows) { SortRows = false }.Dispatch(24);
            Assert.True(sorted.Seconds < mixed.Seconds);
            Assert.True(mixed.Overlap < 0.2 * sorted.Overlap, $"{mixed.Overlap} against {sorted.Overlap}");
        }
    }

    [Fact]
    public void OneGpuComputesPlainlyUnderEveryPolicy()
    {
        var gpu = SomeLayer.Simulators(SomeLayer.Gpus(1), SomeLayer.Rows(512, 8, 2, 1))[0];
        var none = gpu.Run(OverlapPolicy.None);
        Assert.Equal(0, none.Bytes);
        Assert.Equal(none, gpu.Run(OverlapPolicy.Comet) with { Halves = none.Halves });
    }

    [Fact]
    public void ExpertsWithoutTokensTakeNoTimeAndNoRowsTakeNone()
    {
        var cluster = SomeLayer.Gpus(4);
        int[] ids = [.. Enumerable.Repeat(0, 256)];
        var rows = RankRows.Of(SomeLayer.Contiguous(8, 4), ids, 1, RankRows.EqualShards(256, 4), mergeCopies: false);
        foreach (var policy in Policies)
        {
            var times = LayerTimes.Of(SomeLayer.Simulators(cluster, rows), policy, Split);
            Assert.All(times.Gpus.Skip(1), gpu => Assert.Equal(0, gpu.Seconds));
            Assert.True(times.Seconds > 0);
        }
    }

    [Fact]
    public void MoreOverlapIsFasterOnALargeBatch()
    {
        var gpus = SomeLayer.Simulators(SomeLayer.Gpus(8), SomeLayer.Rows(16384, 8, 2, 8), new ExpertShape(4096, 14336, Gated: true));
        LayerTimes Run(OverlapPolicy policy) => LayerTimes.Of(gpus, policy, Split);
        var none = Run(OverlapPolicy.None);
        Assert.Equal(0, none.Hidden(none));
        Assert.True(Run(OverlapPolicy.Chunked(2)).Seconds < none.Seconds);
        Assert.True(Run(OverlapPolicy.Comet).Seconds < none.Seconds);
        Assert.InRange(Run(OverlapPolicy.Comet).Hidden(none), 0.1, 1);
    }

    [Fact]
    public void ASlowGpuTakesLonger()
    {
        var rows = SomeLayer.Rows(4096, 8, 2, 8)[0];
        RankTimes Run(double slowdown) => new RankSimulator(SomeLayer.Gpus(8), SomeLayer.Shape, TileSize.Usual, rows, slowdown).Run(OverlapPolicy.None);
        Assert.True(Run(2).Seconds > Run(1).Seconds);
        Assert.Equal(2 * Run(1).Compute, Run(2).Compute, 12);
    }

    [Fact]
    public void MessagesCostAFixedTimeSoFinerIsNotAlwaysBetter()
    {
        var gpu = SomeLayer.Simulators(SomeLayer.Gpus(8, microseconds: 500), SomeLayer.Rows(2048, 8, 2, 8))[0];
        Assert.True(gpu.Combine(new BlockSplit(16, 16, 128)).Seconds > gpu.Combine(new BlockSplit(16, 16, 1024)).Seconds);
    }

    [Fact]
    public void SlicedExpertsGiveEveryGpuOfAGroupTheSameRows()
    {
        var rows = SomeLayer.Rows(512, 8, 2, 8, slices: 4);
        Assert.Equal(8, rows.Length);
        Assert.All(rows, r => Assert.Equal(rows[r.Rank / 4 * 4].Rows, r.Rows));
        Assert.Equal(4 * 512 * 2, rows.Sum(r => r.ExpertRows.Sum()));
    }

    [Fact]
    public void WhatCannotBeIsOneSentence()
    {
        void Refused(string expected, Action what) => Assert.Contains(expected, Assert.Throws<UserError>(what).Message);
        var device = SomeLayer.Gpus(8).Devices[0];
        Refused("132 of 132 blocks cannot communicate", () => new BlockSplit(132, 4, 128).Checked(device, 1024));
        Refused("0 of 132 blocks cannot communicate", () => new BlockSplit(4, 0, 128).Checked(device, 1024));
        Refused("column block of 384 does not divide", () => new BlockSplit(4, 4, 384).Checked(device, 1024));
        Assert.Equal(3, (new BlockSplit(4, 4, 384) { Ragged = true }).Checked(device, 1024).Blocks(1024));
        Refused("100 tokens cannot be cut into equal shards for 8 GPUs", () => RankRows.EqualShards(100, 8));
        Refused("each token needs one home", () => RankRows.Of(SomeLayer.Contiguous(8, 4), [0, 1, 2, 3], 2, [0, 1, 2], false));
        Refused("lives on GPU 4", () => RankRows.Of(SomeLayer.Contiguous(8, 4), [0, 1], 1, [0, 4], false));
        Refused("chooses expert 8", () => RankRows.Of(SomeLayer.Contiguous(8, 4), [0, 8], 1, [0, 1], false));
        Refused("no overlap policy 'tiles'", () => OverlapPolicy.Parse("tiles"));
        Refused("0 chunks", () => OverlapPolicy.Parse("chunked(0)"));
        Assert.Equal(Policies, Policies.Select(p => OverlapPolicy.Parse(p.ToString())));
    }

    [Fact]
    public void ARaggedLastColumnBlockMovesTheSameBytes()
    {
        var gpu = SomeLayer.Simulators(SomeLayer.Gpus(8), SomeLayer.Rows(1024, 8, 2, 8))[3];
        Assert.Equal(gpu.Combine(new BlockSplit(16, 16, 256)).Bytes, gpu.Combine(new BlockSplit(16, 16, 384) { Ragged = true }).Bytes);
    }
}
