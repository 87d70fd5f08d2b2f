using OnnxMoe.Trainer.Supernets;

namespace OnnxMoe.Trainer.Tests.Supernets;

public class GraphPartitionTests
{
    [Theory]
    [InlineData(3, 2, 3)] // 1 against 2
    [InlineData(4, 2, 3)] // 2 against 2
    [InlineData(5, 2, 10)] // 2 against 3
    [InlineData(7, 2, 56)] // 2 against 5, 3 against 4
    [InlineData(3, 3, 1)]
    [InlineData(5, 3, 25)] // 3 + 1 + 1: 10, 2 + 2 + 1: 15
    [InlineData(6, 3, 15)]
    [InlineData(12, 2, 2035)]
    public void EveryPartitionComesOnce(int count, int groups, int partitions)
    {
        var all = GraphPartition.All(count, groups).ToArray();
        Assert.Equal(partitions, all.Length);
        Assert.Equal(partitions, all.Select(groupOf => string.Join(' ', Enumerable.Range(0, groups).Select(group => string.Join(',', Enumerable.Range(0, count).Where(i => groupOf[i] == group))).Order())).Distinct().Count());
        Assert.All(all, groupOf => Assert.Equal(Enumerable.Range(0, groups), groupOf.Distinct().Order()));
    }

    [Fact]
    public void TheBestIsTheBruteForceOne()
    {
        var random = new Random(3);
        for (var round = 0; round < 30; round++)
        {
            var count = 3 + (round % 5);
            var distances = new double[count, count];
            for (var i = 0; i < count; i++)
                for (var j = 0; j < i; j++)
                    distances[i, j] = distances[j, i] = 2 * random.NextDouble();
            var best = GraphPartition.Best(distances, 2, _ => true)!;
            // All subsets as bit masks, by their sizes.
            var (least, smallest) = (double.MaxValue, count >= 4 ? 2 : 1);
            for (var mask = 1; mask < (1 << count) - 1; mask++)
            {
                var size = System.Numerics.BitOperations.PopCount((uint)mask);
                if (size < smallest || count - size < smallest)
                    continue;
                var within = 0.0;
                for (var i = 0; i < count; i++)
                    for (var j = i + 1; j < count; j++)
                        within += (mask >> i & 1) == (mask >> j & 1) ? distances[i, j] : 0;
                least = Math.Min(least, within);
            }
            Assert.Equal(least, GraphPartition.Within(distances, best), 1e-12);
            var all = distances.Cast<double>().Sum() / 2;
            Assert.Equal(all - least, GraphPartition.Across(distances, best), 1e-12);
            Assert.Equal(GraphPartition.All(count, 2).Max(groupOf => GraphPartition.Across(distances, groupOf)), GraphPartition.Across(distances, best), 1e-12);
        }
    }

    [Fact]
    public void OnlyAllowedOnesAreTaken()
    {
        var distances = new double[,] { { 0, 1, 5, 5 }, { 1, 0, 5, 5 }, { 5, 5, 0, 1 }, { 5, 5, 1, 0 } };
        Assert.Equal([0, 0, 1, 1], GraphPartition.Best(distances, 2, _ => true)!);
        Assert.NotEqual([0, 0, 1, 1], GraphPartition.Best(distances, 2, groupOf => groupOf[0] != groupOf[1])!);
        Assert.Null(GraphPartition.Best(distances, 2, _ => false));
        Assert.Throws<ArgumentOutOfRangeException>(() => GraphPartition.All(13, 2));
        Assert.Throws<ArgumentOutOfRangeException>(() => GraphPartition.All(2, 3));
    }
}
