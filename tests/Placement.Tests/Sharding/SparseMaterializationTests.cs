using OnnxMoe.Artifacts;
using OnnxMoe.Placement.Sharding;

namespace OnnxMoe.Placement.Tests.Sharding;

public sealed class SparseMaterializationTests
{
    [Fact]
    public void CopiesKeepAllCapsAndOwners()
    {
        var random = new Random(1);
        for (var round = 0; round < 300; round++)
        {
            var cluster = SomeShards.Cluster(random.Next(1, 4), random.Next(1, 4));
            var (experts, devices) = (random.Next(1, 12), cluster.Devices.Count);
            var (t, m) = (random.Next(0, experts + 3), random.Next(0, experts + 3));
            var (owned, load) = (SomeShards.Owned(random, experts, devices), SomeShards.Load(random, experts));
            var placed = SparseMaterialization.Plan(owned, load, t, m, cluster);
            for (var d = 0; d < devices; d++)
            {
                Assert.Equal(owned.Devices[d], placed.Devices[d].Take(owned.Devices[d].Count));
                Assert.Equal(placed.Devices[d].Count, placed.Devices[d].Distinct().Count());
                Assert.True(placed.Devices[d].Count - owned.Devices[d].Count <= m);
            }
            var copied = SomeShards.Copies(owned, placed).Select(copy => copy.Expert).Distinct().ToArray();
            Assert.Subset(ExpertShards.ByLoad(load).Take(t).ToHashSet(), copied.ToHashSet());
            Assert.True(SomeShards.Copies(owned, placed).Count() <= devices * Math.Min(m, t));
        }
    }

    [Fact]
    public void WithoutOverlapOrMemoryThereAreNoCopies()
    {
        var (random, cluster) = (new Random(2), SomeShards.Cluster(2, 2));
        var (owned, load) = (SomeShards.Owned(random, 8, 4), SomeShards.Load(random, 8));
        Assert.Equal(owned.Devices, SparseMaterialization.Plan(owned, load, 0, 8, cluster).Devices);
        Assert.Equal(owned.Devices, SparseMaterialization.Plan(owned, load, 8, 0, cluster).Devices);
    }

    [Fact]
    public void WithAllOverlapAndMemoryEveryDeviceHoldsEverything()
    {
        var (random, cluster) = (new Random(3), SomeShards.Cluster(2, 2));
        var placed = SparseMaterialization.Plan(SomeShards.Owned(random, 8, 4), SomeShards.Load(random, 8), 8, 8, cluster);
        Assert.All(placed.Devices, held => Assert.Equal(Enumerable.Range(0, 8), held.Order()));
    }

    /// <summary>With enough memory the t heaviest go everywhere; of equally heavy ones those with the lowest numbers.</summary>
    [Fact]
    public void TheLowestNumberWinsTies()
    {
        var cluster = SomeShards.Cluster(1, 4);
        var owned = ExpertShards.Even(1, 8, 4)[0];
        var placed = SparseMaterialization.Plan(owned, [1, 5, 5, 1, 5, 1, 1, 1], 2, 2, cluster);
        Assert.Equal([1, 2], SomeShards.Copies(owned, placed).Select(copy => copy.Expert).Distinct().Order());
        Assert.All([1, 2], e => Assert.Equal(4, placed.Copies()[e]));
    }

    /// <summary>30 % of the load of the top experts is 30 % of the slots.</summary>
    [Fact]
    public void SlotsAreSharedByLoad()
    {
        Assert.Equal([7, 6, 4, 3], SparseMaterialization.Shares([0, 1, 2, 3], [35, 30, 20, 15], devices: 20, copies: 1));
        // 5.2, 3.3 and 1.5 become whole by the largest remainder.
        Assert.Equal([5, 3, 2], SparseMaterialization.Shares([0, 1, 2], [52, 33, 15], devices: 10, copies: 1));
        // No more copies than devices that lack the expert.
        Assert.Equal([3, 2], SparseMaterialization.Shares([0, 1], [9, 1], devices: 4, copies: 4));
        Assert.Equal([0, 0], SparseMaterialization.Shares([0, 1], [0, 0], devices: 4, copies: 4));
    }

    /// <summary>Node after node in turn: the node with more free slots comes first.</summary>
    [Fact]
    public void CopiesSpreadOverTheNodes()
    {
        var cluster = SomeShards.Cluster(4, 2);
        var owned = ExpertShards.Even(1, 8, 8)[0];
        var placed = SparseMaterialization.Plan(owned, [4, 2, 2, 1, 1, 1, 1, 1], 3, 1, cluster);
        var nodes = SomeShards.Copies(owned, placed).Where(copy => copy.Expert == 0).Select(copy => cluster.Devices[copy.Device].Node);
        Assert.Equal([0, 1, 2, 3], nodes.Order());
    }

    [Theory]
    [InlineData(-1, 0)]
    [InlineData(0, -1)]
    public void NegativeNumbersAreRefused(int overlap, int copies)
    {
        var error = Assert.Throws<UserError>(() => SparseMaterialization.Plan(ExpertShards.Even(1, 4, 2)[0], [1, 1, 1, 1], overlap, copies, SomeShards.Cluster(1, 2)));
        Assert.Contains("neither can be below 0", error.Message);
    }

    [Fact]
    public void AnExpertWithoutAnOwnerIsRefused()
    {
        var owned = ExpertShards.Even(1, 4, 2)[0] with { Devices = [[0, 1], [3]] };
        Assert.Contains("Expert 2 of layer 0 has no owner", Assert.Throws<UserError>(() => SparseMaterialization.Plan(owned, [1, 1, 1, 1], 1, 1, SomeShards.Cluster(1, 2))).Message);
        Assert.Contains("two owners", Assert.Throws<UserError>(() => ExpertShards.Owners(owned with { Devices = [[0, 1, 2], [2, 3]] })).Message);
    }
}
