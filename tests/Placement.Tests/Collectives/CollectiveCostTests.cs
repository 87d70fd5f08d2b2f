using OnnxMoe.Placement.Collectives;
using OnnxMoe.Placement.Tests.Support;

namespace OnnxMoe.Placement.Tests.Collectives;

public sealed class CollectiveCostTests
{
    static readonly CollectiveCost Cost = new(new LinkClass(5e-6, 450e9), new LinkClass(10e-6, 50e9));

    public static TheoryData<int, int> Shapes => new() { { 2, 2 }, { 4, 4 }, { 8, 4 }, { 8, 2 }, { 12, 3 }, { 16, 8 }, { 6, 1 } };

    [Theory]
    [MemberData(nameof(Shapes))]
    public void TheClosedFormsAreWhatTheMessagesOneByOneCost(int ranks, int perNode)
    {
        var layout = new GroupLayout(ranks, ranks / perNode, perNode, perNode);
        foreach (var bytes in new[] { 0.0, 1e3, 1e8 })
        {
            Same(CollectiveSchedule.RingAllGather(ranks), Cost.Ring(layout, bytes));
            Same(CollectiveSchedule.RingReduceScatter(ranks), Cost.Ring(layout, bytes));
            Same(CollectiveSchedule.TwoLevelAllGather(ranks, perNode), Cost.TwoLevelAllGather(layout, bytes));
            Same(CollectiveSchedule.AllToAll(ranks), Cost.AllToAll(layout, bytes));
            Same(CollectiveSchedule.HierarchicalAllToAll(ranks, perNode), Cost.HierarchicalAllToAll(layout, bytes));
            var peers = new GroupLayout(ranks / perNode, ranks / perNode, 1, 1);
            var slices = new GroupLayout(perNode, 1, perNode, perNode);
            foreach (var back in new[] { false, true })
                Same(CollectiveSchedule.CoordinatedAllToAll(ranks, perNode, back), Cost.CoordinatedAllToAll(layout, peers, slices, bytes, back));
            void Same(CollectiveSchedule schedule, CollectiveEstimate closed)
            {
                var open = schedule.Estimate(bytes, perNode, Cost);
                Assert.Equal(open.Seconds, closed.Seconds, 1e-9 * open.Seconds + 1e-15);
                Assert.Equal(open.Messages, closed.Messages);
                Assert.Equal(open.BytesWithin, closed.BytesWithin, 1e-3);
                Assert.Equal(open.BytesBetween, closed.BytesBetween, 1e-3);
            }
        }
    }

    [Theory]
    [MemberData(nameof(Shapes))]
    public void MessagesAreThoseOfTheFormulas(int p, int g)
    {
        Assert.Equal(p * (p - 1), CollectiveSchedule.AllToAll(p).Messages);
        Assert.Equal(p * ((g - 1) + (p / g - 1)), CollectiveSchedule.HierarchicalAllToAll(p, g).Messages);
        Assert.Equal(p * (p / g - 1), CollectiveSchedule.CoordinatedAllToAll(p, g, back: false).Messages);
        Assert.Equal(p * ((p / g - 1) + (g - 1)), CollectiveSchedule.CoordinatedAllToAll(p, g, back: true).Messages);
        Assert.Equal(p / g - 1, CollectiveSchedule.CoordinatedAllToAll(p, g, back: false).LongestChain);
    }

    [Fact]
    public void TheHierarchicalExchangeMovesAsManyBytesBetweenNodesAndAsManyAgainWithin()
    {
        var group = new GroupLayout(64, 8, 8, 8);
        var (flat, hierarchical) = (Cost.AllToAll(group, 1e6), Cost.HierarchicalAllToAll(group, 1e6));
        Assert.Equal(flat.BytesBetween, hierarchical.BytesBetween);
        Assert.Equal(64 * 7 * 8 * 1e6, hierarchical.BytesWithin);
        Assert.Equal(2, hierarchical.Bytes / flat.Bytes, 0.25);
    }

    [Fact]
    public void TheHierarchicalExchangePaysForSmallMessagesOnly()
    {
        var group = new GroupLayout(128, 16, 8, 8);
        Assert.True(Cost.HierarchicalAllToAll(group, 1e3).Seconds < Cost.AllToAll(group, 1e3).Seconds / 3);
        Assert.True(Cost.HierarchicalAllToAll(group, 1e8).Seconds > Cost.AllToAll(group, 1e8).Seconds);
    }

    [Fact]
    public void TheBusiestPortCountsNotTheMean()
    {
        // Three ranks on one node and one alone: the one that is alone has three messages for the network, the others have one.
        var uneven = Cost.AllToAll(new GroupLayout(4, 2, 3, 1), 1e6);
        Assert.Equal(3 * Cost.Between.Seconds(1e6), uneven.Seconds, 1e-12);
        Assert.Equal((6e6, 6e6), (uneven.BytesWithin, uneven.BytesBetween));
    }

    [Fact]
    public void ATwoLevelCollectiveNeedsEvenNodes()
    {
        Assert.Throws<ArgumentException>(() => Cost.HierarchicalAllToAll(new GroupLayout(4, 2, 3, 1), 1));
        Assert.Throws<ArgumentException>(() => Cost.CoordinatedAllToAll(new GroupLayout(8, 1, 8, 8), new GroupLayout(3, 3, 1, 1), new GroupLayout(2, 1, 2, 2), 1, gather: true));
    }

    [Fact]
    public void NothingMovesInAGroupOfOne()
    {
        Assert.Equal(CollectiveEstimate.None, Cost.AllGather(GroupLayout.Single, 1e9));
        Assert.Equal(CollectiveEstimate.None, Cost.AllToAll(GroupLayout.Single, 1e9));
        Assert.Equal(CollectiveEstimate.None, Cost.AllReduce(GroupLayout.Single, 1e9));
    }

    [Fact]
    public void ALinkIsTheSlowestOfItsKindAndReachesItsShare()
    {
        var cost = new CollectiveCost(Some.Cluster(2, 2, ratio: 9), share: 0.5);
        Assert.Equal((225e9, 25e9), (cost.Within.BytesPerSecond, cost.Between.BytesPerSecond));
    }
}
