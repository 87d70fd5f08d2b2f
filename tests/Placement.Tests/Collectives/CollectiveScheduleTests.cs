using OnnxMoe.Placement.Collectives;

namespace OnnxMoe.Placement.Tests.Collectives;

/// <summary>The collectives really move their chunks.</summary>
public sealed class CollectiveScheduleTests
{
    [Theory]
    [InlineData(1, 1)]
    [InlineData(4, 2)]
    [InlineData(8, 4)]
    [InlineData(12, 3)]
    [InlineData(16, 8)]
    public void TheHierarchicalExchangeDeliversWhatTheFlatOneDoes(int p, int g)
    {
        var held = Start(p, rank => Enumerable.Range(0, p).Select(to => new Chunk(rank, to)));
        var flat = CollectiveSchedule.AllToAll(p).Run(held);
        var hierarchical = CollectiveSchedule.HierarchicalAllToAll(p, g).Run(held);
        for (var rank = 0; rank < p; rank++)
        {
            for (var from = 0; from < p; from++)
            {
                Assert.Equal(Value(from, rank), flat[rank][new Chunk(from, rank)]);
                Assert.Equal(flat[rank][new Chunk(from, rank)], hierarchical[rank][new Chunk(from, rank)]);
            }
        }
    }

    [Theory]
    [InlineData(4, 2)]
    [InlineData(8, 4)]
    [InlineData(12, 3)]
    public void TheCoordinatedExchangeDeliversAllThatTheFullOneWould(int p, int slices)
    {
        var groups = p / slices;
        var there = CollectiveSchedule.CoordinatedAllToAll(p, slices, back: false).Run(Start(p, rank => Enumerable.Range(0, p).Select(to => new Chunk(rank / slices, to))));
        var back = CollectiveSchedule.CoordinatedAllToAll(p, slices, back: true).Run(Start(p, rank => Enumerable.Range(0, groups).Select(g => new Chunk(rank, g))));
        for (var rank = 0; rank < p; rank++)
        {
            Assert.All(Enumerable.Range(0, groups), g => Assert.Equal(Value(g, rank), there[rank][new Chunk(g, rank)]));
            // Every slice of a group has the results of all ranks for it.
            Assert.All(Enumerable.Range(0, p), from => Assert.Equal(Value(from, rank / slices), back[rank][new Chunk(from, rank / slices)]));
        }
    }

    [Theory]
    [InlineData(1, 1)]
    [InlineData(4, 2)]
    [InlineData(12, 3)]
    public void BothAllGathersLeaveEveryShardEverywhere(int p, int g)
    {
        foreach (var schedule in new[] { CollectiveSchedule.RingAllGather(p), CollectiveSchedule.TwoLevelAllGather(p, g) })
        {
            var end = schedule.Run(Start(p, rank => [new Chunk(rank, -1)]));
            Assert.All(end, rank => Assert.All(Enumerable.Range(0, p), from => Assert.Equal(Value(from, -1), rank[new Chunk(from, -1)])));
        }
    }

    [Theory]
    [InlineData(2)]
    [InlineData(5)]
    [InlineData(8)]
    public void TheReduceScatterLeavesEachRankItsSum(int p)
    {
        IReadOnlyDictionary<Chunk, double>[] parts = [.. Enumerable.Range(0, p).Select(rank => Enumerable.Range(0, p).ToDictionary(to => new Chunk(-1, to), to => (double)Value(rank, to)))];
        var end = CollectiveSchedule.RingReduceScatter(p).Run(parts);
        Assert.All(Enumerable.Range(0, p), rank => Assert.Equal(Enumerable.Range(0, p).Sum(from => Value(from, rank)), end[rank][new Chunk(-1, rank)]));
    }

    [Fact]
    public void ARankCannotSendWhatItDoesNotHave() =>
        Assert.Contains("Rank 0 has no", Assert.Throws<InvalidOperationException>(() => CollectiveSchedule.AllToAll(2).Run(Start(2, _ => []))).Message);

    static IReadOnlyDictionary<Chunk, double>[] Start(int ranks, Func<int, IEnumerable<Chunk>> chunks) =>
        [.. Enumerable.Range(0, ranks).Select(rank => chunks(rank).ToDictionary(chunk => chunk, chunk => (double)Value(chunk.Source, chunk.Target)))];

    static int Value(int source, int target) => 1000 * (source + 1) + target;
}
