using OnnxMoe.Placement.Simulation;

namespace OnnxMoe.Placement.Tests.Simulation;

public sealed class TileScheduleTests
{
    [Fact]
    public void TheRotationsOfThePaper()
    {
        int[] nodes = [0, 0, 0, 0, 1, 1, 1, 1];
        Assert.Equal([1, 2, 3, 0, 5, 6, 7, 4], RankOrder.Of(1, nodes));
        Assert.Equal([6, 7, 4, 5, 2, 3, 0, 1], RankOrder.Of(6, nodes));
        Assert.Equal([2, 3, 0, 1], RankOrder.Of(2, [0, 0, 0, 0]));
        Assert.Equal([0], RankOrder.Of(0, [0]));
        Assert.Equal([4, 3, 1, 2, 0], RankOrder.Of(4, [0, 0, 0, 1, 1]));
    }

    [Theory]
    [InlineData(TileOrder.Plain, true)]
    [InlineData(TileOrder.Stage, true)]
    [InlineData(TileOrder.Greedy, true)]
    [InlineData(TileOrder.Stage, false)]
    [InlineData(TileOrder.Greedy, false)]
    public void EveryTileOnceAndEveryRowOnce(TileOrder order, bool sorted)
    {
        foreach (var (rows, ranks, tileRows) in Cases())
        {
            var plain = RowTile.Cut(rows, ranks, tileRows, sorted);
            var schedule = TileSchedule.Of(plain, order);
            Assert.Equal(plain.OrderBy(t => (t.Expert, t.Number)), schedule.OrderBy(t => (t.Expert, t.Number)));
            Assert.All(schedule, t => Assert.InRange(t.Rows, 1, tileRows));
            for (var e = 0; e < rows.Length; e++)
            {
                for (var stage = 0; stage < ranks.Length; stage++)
                {
                    var met = schedule.Where(t => t.Expert == e).SelectMany(t => t.Parts).Where(p => p.Stage == stage)
                        .SelectMany(p => Enumerable.Range(p.First, p.Last - p.First + 1)).Order();
                    Assert.Equal(Enumerable.Range(0, rows[e][ranks[stage]]), met);
                }
                Assert.Equal((rows[e].Sum() + tileRows - 1) / tileRows, schedule.Count(t => t.Expert == e));
            }
        }
    }

    [Fact]
    public void InStageOrderATileRunsWithTheLatestOfItsSources()
    {
        foreach (var (rows, ranks, tileRows) in Cases())
        {
            var schedule = TileSchedule.Of(RowTile.Cut(rows, ranks, tileRows, sorted: true), TileOrder.Stage);
            Assert.Equal(schedule.Select(t => t.Stage).Order(), schedule.Select(t => t.Stage));
            Assert.All(schedule, t => Assert.All(t.Parts, part => Assert.True(part.Stage <= t.Stage)));
            Assert.All(schedule, t => Assert.Contains(t.Parts, part => part.Stage == t.Stage));
        }
    }

    [Fact]
    public void InGreedyOrderAnExpertNeedsEverMoreSourcesAndThePieceOfTheFewestRuns()
    {
        foreach (var (rows, ranks, tileRows) in Cases())
        {
            var tiles = RowTile.Cut(rows, ranks, tileRows, sorted: true);
            var schedule = TileSchedule.Of(tiles, TileOrder.Greedy, greedyTiles: 1);
            foreach (var expert in schedule.GroupBy(t => t.Expert))
            {
                Assert.Equal(Enumerable.Range(0, expert.Count()), expert.Select(t => t.Number));
                Assert.Equal(expert.Select(t => t.SourcesSoFar).Order(), expert.Select(t => t.SourcesSoFar));
                Assert.Equal(rows[expert.Key].Count(n => n > 0), expert.Last().SourcesSoFar);
            }
            var next = new int[rows.Length];
            foreach (var tile in schedule)
            {
                var heads = tiles.Where(t => t.Number == next[t.Expert]).ToArray();
                Assert.Equal(heads.Min(t => (t.SourcesSoFar, t.Expert)), (tile.SourcesSoFar, tile.Expert));
                next[tile.Expert]++;
            }
        }
    }

    [Fact]
    public void TheGreedyScheduleTakesFourTilesAtOnce()
    {
        // Expert 0 has own rows for 6 tiles, expert 1 for 5: pieces of 4 tiles, then what is left, then the remote rows.
        int[][] rows = [[6 * 8, 8], [5 * 8, 8]];
        var schedule = TileSchedule.Of(RowTile.Cut(rows, [0, 1], 8, sorted: true), TileOrder.Greedy);
        Assert.Equal([0, 0, 0, 0, 1, 1, 1, 1, 0, 0, 0, 1, 1], schedule.Select(t => t.Expert));
    }

    [Fact]
    public void WithoutSortingNearlyEveryTileNeedsEverySource()
    {
        int[][] rows = [[400, 400, 400, 400]];
        Assert.All(RowTile.Cut(rows, [0, 1, 2, 3], 128, sorted: false), t => Assert.Equal(4, t.Parts.Count));
        Assert.True(RowTile.Cut(rows, [0, 1, 2, 3], 128, sorted: true).Average(t => t.Parts.Count) < 2);
    }

    [Fact]
    public void OneGpuHasThePlainOrder()
    {
        int[][] rows = [[300], [0], [513]];
        var tiles = RowTile.Cut(rows, [0], 128, sorted: true);
        foreach (var order in Enum.GetValues<TileOrder>())
            Assert.Equal(tiles, TileSchedule.Of(tiles, order, greedyTiles: 100));
    }

    static IEnumerable<(int[][] Rows, int[] Ranks, int TileRows)> Cases()
    {
        for (var seed = 0; seed < 30; seed++)
        {
            var random = new Random(seed);
            var (experts, ranks) = (1 + random.Next(5), 1 + random.Next(6));
            int[][] rows = [.. Enumerable.Range(0, experts).Select(_ => Enumerable.Range(0, ranks).Select(_ => random.Next(3) == 0 ? 0 : random.Next(40)).ToArray())];
            yield return (rows, RankOrder.Of(random.Next(ranks), new int[ranks]), 1 + random.Next(20));
        }
    }
}
