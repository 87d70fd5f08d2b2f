using OnnxMoe.Artifacts;
using OnnxMoe.Placement.Sharding;

namespace OnnxMoe.Placement.Tests.Sharding;

public sealed class HeterogeneousShardingTests
{
    [Fact]
    public void EveryExpertHasOneOwnerAndEveryDeviceAsManyExperts()
    {
        var random = new Random(1);
        for (var round = 0; round < 200; round++)
        {
            var cluster = SomeShards.Cluster(random.Next(1, 4), random.Next(1, 4));
            var (layers, experts, devices) = (random.Next(1, 6), random.Next(1, 12), cluster.Devices.Count);
            var load = Enumerable.Range(0, layers).Select(_ => SomeShards.Load(random, experts)).ToArray();
            var owned = HeterogeneousSharding.Plan(load, random.Next(0, experts + 2), cluster, allowUneven: true);
            Assert.All(owned, layer => Assert.Equal(experts, ExpertShards.Owners(layer).Length)); // throws unless there is one owner each
            var totals = Enumerable.Range(0, devices).Select(d => owned.Sum(layer => layer.Devices[d].Count)).ToArray();
            Assert.InRange(totals.Max() - totals.Min(), 0, layers * experts % devices == 0 ? 0 : 1);
        }
    }

    /// <summary>What is not copied anyway is spread: a device gets a second expert only when it is the least loaded one with room.</summary>
    [Fact]
    public void TheOthersAreBalancedOverNodesAndDevices()
    {
        var cluster = SomeShards.Cluster(2, 2);
        // Two layers, so that the total of 4 experts a device leaves room for an uneven layer.
        double[][] load = [[100, 8, 7, 6, 5, 4, 3, 2], [1, 1, 1, 1, 1, 1, 1, 1]];
        var owned = HeterogeneousSharding.Plan(load, 1, cluster);
        var loads = owned[0].Devices.Select(held => held.Where(e => e != 0).Sum(e => load[0][e])).ToArray();
        Assert.Equal(35, loads.Sum());
        Assert.True(loads.Max() <= 11, string.Join(' ', loads));
        var contiguous = ExpertShards.Even(2, 8, 4)[0].Devices.Select(held => held.Where(e => e != 0).Sum(e => load[0][e])).Max();
        Assert.True(loads.Max() < contiguous);
    }

    [Fact]
    public void TheSamePlanComesOfTheSameLoads()
    {
        double[][] load = [[3, 3, 3, 3], [3, 3, 3, 3]];
        var (one, two) = (HeterogeneousSharding.Plan(load, 1, SomeShards.Cluster(2, 2)), HeterogeneousSharding.Plan(load, 1, SomeShards.Cluster(2, 2)));
        Assert.Equal(one.SelectMany(ExpertShards.Owners), two.SelectMany(ExpertShards.Owners));
    }

    [Fact]
    public void UnequalTotalsMustBeAllowed()
    {
        Assert.Contains("cannot own in equal numbers", Assert.Throws<UserError>(() => ExpertShards.Even(3, 5, 4)).Message);
        Assert.Contains("cannot own in equal numbers", Assert.Throws<UserError>(() => HeterogeneousSharding.Plan([[1, 2, 3, 4, 5]], 1, SomeShards.Cluster(1, 2))).Message);
        var even = ExpertShards.Even(3, 5, 4, allowUneven: true);
        Assert.Equal([4, 4, 4, 3], Enumerable.Range(0, 4).Select(d => even.Sum(layer => layer.Devices[d].Count)));
        Assert.Contains("below 0", Assert.Throws<UserError>(() => HeterogeneousSharding.Plan([[1, 2]], -1, SomeShards.Cluster(1, 2))).Message);
    }
}
