using OnnxMoe.Artifacts;
using OnnxMoe.Placement.Sharding;

namespace OnnxMoe.Placement.Tests.Sharding;

public sealed class SparseCollectivesTests
{
    /// <summary>Carries the transfers out, in order, on random plans, and compares the bytes with the formula.</summary>
    [Fact]
    public void TransfersMakeThePlanAndTheirBytesAreTheFormulas()
    {
        var random = new Random(5);
        for (var round = 0; round < 200; round++)
        {
            var cluster = SomeShards.Cluster(random.Next(1, 4), random.Next(1, 4));
            var (experts, devices) = (random.Next(1, 10), cluster.Devices.Count);
            var owned = SomeShards.Owned(random, experts, devices);
            var placed = SparseMaterialization.Plan(owned, SomeShards.Load(random, experts), random.Next(0, experts + 1), random.Next(0, 5), cluster);
            var gather = SparseCollectives.AllGather(owned, owned, placed, cluster);
            var volume = SparseVolume.Of(owned, placed, [.. Enumerable.Repeat(1000L, experts)]);

            var held = owned.Devices.Select(e => e.ToHashSet()).ToArray();
            foreach (var (expert, from, to) in gather)
            {
                Assert.Contains(expert, held[from]); // nobody sends what it has not got yet
                Assert.True(held[to].Add(expert));
            }
            Assert.All(held.Zip(placed.Devices), pair => Assert.Equal(pair.Second.Order(), pair.First.Order()));
            Assert.Equal(volume.Total, gather.Count * 1000L);
            Assert.Equal(volume.Received, Enumerable.Range(0, devices).Select(d => gather.Count(hop => hop.To == d) * 1000L));
            for (var d = 0; d < devices; d++)
            {
                Assert.True(gather.Count(hop => hop.From == d) * 1000 <= volume.Bound + 1e-6);
                Assert.True(volume.Received[d] <= volume.Bound + 1e-6);
            }
            // An expert enters each node once, whatever the number of its copies there.
            Assert.All(gather.Where(hop => cluster.Devices[hop.From].Node != cluster.Devices[hop.To].Node).GroupBy(hop => (hop.Expert, cluster.Devices[hop.To].Node)), hops => Assert.Single(hops));
        }
    }

    /// <summary>Gradients are summed on the way, not averaged: the owner ends with the sum over all copies, its own among them.</summary>
    [Fact]
    public void OwnersEndWithTheSumOfAllGradients()
    {
        var (random, cluster) = (new Random(6), SomeShards.Cluster(2, 3));
        for (var round = 0; round < 50; round++)
        {
            var owned = SomeShards.Owned(random, 6, 6);
            var placed = SparseMaterialization.Plan(owned, SomeShards.Load(random, 6), 4, random.Next(1, 5), cluster);
            var gradients = placed.Devices.SelectMany((held, d) => held.Select(e => (d, e))).ToDictionary(copy => copy, _ => random.Next(100));
            var sums = gradients.GroupBy(g => g.Key.e).ToDictionary(g => g.Key, g => g.Sum(copy => copy.Value));
            var reduce = SparseCollectives.ReduceScatter(owned, placed, cluster);
            foreach (var (expert, from, to) in reduce)
            {
                gradients[(to, expert)] += gradients[(from, expert)];
                gradients.Remove((from, expert)); // handed on: it must not be counted again
            }
            var owners = ExpertShards.Owners(owned);
            Assert.Equal(6, gradients.Count);
            Assert.All(Enumerable.Range(0, 6), e => Assert.Equal(sums[e], gradients[(owners[e], e)]));
            Assert.Equal(SparseVolume.Of(owned, placed, new long[6]).Share > 0, reduce.Count > 0);
        }
    }

    /// <summary>All experts to all devices is FSDP's all-gather: each device receives what it does not own.</summary>
    [Fact]
    public void AllCopiesCostWhatAnAllGatherCosts()
    {
        var cluster = SomeShards.Cluster(2, 2);
        var owned = ExpertShards.Even(1, 8, 4)[0];
        var volume = SparseVolume.Of(owned, SparseMaterialization.Plan(owned, new double[8], 8, 8, cluster), [.. Enumerable.Repeat(10L, 8)]);
        Assert.Equal((1.0, 80.0), (volume.Share, volume.Bound));
        Assert.All(volume.Received, bytes => Assert.Equal(60, bytes));
    }

    [Fact]
    public void UnequalExpertsAndDroppedCopiesAreRefused()
    {
        var owned = ExpertShards.Even(1, 4, 2)[0];
        Assert.Contains("must have equal sizes", Assert.Throws<UserError>(() => SparseVolume.Of(owned, owned, [1, 1, 2, 1])).Message);
        var placed = ExpertShards.With(owned, [(1, 0)]);
        Assert.Contains("Expert 0 of layer 0 is on device 1", Assert.Throws<UserError>(() => SparseCollectives.AllGather(owned, placed, owned, SomeShards.Cluster(1, 2))).Message);
    }

    /// <summary>10 GB/s between nodes, for a node's GPUs together; 100 GB/s within.</summary>
    [Fact]
    public void TheBusiestPortDecidesTheTime()
    {
        var cluster = SomeShards.Cluster(2, 2);
        Assert.Equal(0.1, new TransferClock(cluster).Add(0, 1, 1e10).Seconds, 9);
        Assert.Equal(0.1, new TransferClock(cluster).Add(0, 1, 1e10).Add(1, 0, 1e10).Seconds, 9); // both directions at once
        Assert.Equal(1, new TransferClock(cluster).Add(0, 2, 1e10).Seconds, 9);
        Assert.Equal(2, new TransferClock(cluster).Add(0, 2, 1e10).Add(1, 3, 1e10).Seconds, 9); // the node's port is shared
        Assert.Equal(0, new TransferClock(cluster).Add(0, 0, 1e10).Seconds);
        var clock = new TransferClock(cluster).Add(0, 1, 5).Add(0, 3, 7);
        Assert.Equal((12.0, 7.0), (clock.Bytes, clock.NetworkBytes));
    }
}
