using OnnxMoe.Artifacts.Placement;
using OnnxMoe.Placement.Sharding;

namespace OnnxMoe.Placement.Tests.Sharding;

public sealed class ReplicaDispatchTests
{
    /// <summary>Devices 0 and 1 are node 0, 2 and 3 node 1, 4 and 5 node 2.</summary>
    [Fact]
    public void TheOwnDeviceComesFirstThenTheOwnNodeThenAll()
    {
        var dispatch = new ReplicaDispatch(new PlacedLayer(0, 2, [[0], [1], [0, 1], [0], [1], []]), SomeShards.Cluster(3, 2));
        Assert.Equal([0], dispatch.Targets(0, 0));
        Assert.Equal([0], dispatch.Targets(1, 0));
        Assert.Equal([2], dispatch.Targets(2, 0));
        Assert.Equal([0, 2, 3], dispatch.Targets(5, 0));
        Assert.Equal([2], dispatch.Targets(3, 1));
        Assert.Equal([4], dispatch.Targets(5, 1));
    }

    [Fact]
    public void TokensOfADeviceTakeTurnsAndTheFlowsAreTheirMean()
    {
        var random = new Random(4);
        for (var round = 0; round < 50; round++)
        {
            var cluster = SomeShards.Cluster(3, 2);
            var owned = SomeShards.Owned(random, 4, 6);
            var placed = SparseMaterialization.Plan(owned, SomeShards.Load(random, 4), 3, random.Next(1, 4), cluster);
            var dispatch = new ReplicaDispatch(placed, cluster);
            // Each device has n of each expert's tokens, in a random order.
            var tokens = Enumerable.Range(0, 6 * 4 * 7).Select(i => (Source: i % 6, Expert: i / 6 % 4)).OrderBy(_ => random.Next()).ToArray();
            var route = dispatch.Route(tokens);
            var flows = dispatch.Flows([42, 42, 42, 42]);
            for (var source = 0; source < 6; source++)
            {
                Assert.Equal(28, Enumerable.Range(0, 6).Sum(target => flows[source, target]), 9);
                for (var target = 0; target < 6; target++)
                {
                    var sent = tokens.Zip(route).Count(pair => pair.First.Source == source && pair.Second == target);
                    Assert.InRange(sent - flows[source, target], -4, 4); // less than one for each expert
                }
                foreach (var expert in Enumerable.Range(0, 4))
                {
                    var met = tokens.Zip(route).Where(pair => pair.First == (source, expert)).CountBy(pair => pair.Second).ToDictionary();
                    Assert.Equal(dispatch.Targets(source, expert).Order(), met.Keys.Order());
                    Assert.InRange(met.Values.Max() - met.Values.Min(), 0, 1);
                }
            }
        }
    }
}
