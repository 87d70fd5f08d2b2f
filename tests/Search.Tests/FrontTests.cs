using OnnxMoe.Search.Fronts;

namespace OnnxMoe.Search.Tests;

public class FrontTests
{
    [Fact]
    public void FrontsAndCrowdingAreThoseOfTheirDefinitions()
    {
        var random = new Random(3);
        for (var round = 0; round < 200; round++)
        {
            var (count, dimensions) = (random.Next(1, 40), random.Next(1, 4));
            double[][] points = [.. Enumerable.Range(0, count).Select(_ => Enumerable.Range(0, dimensions).Select(_ => (double)random.Next(6)).ToArray())]; // ties abound
            var left = Enumerable.Range(0, count).ToList();
            foreach (var front in Domination.Fronts(points))
            {
                var best = left.Where(i => !left.Any(j => Better(points[j], points[i]))).ToList();
                Assert.Equal(best, front);
                left = [.. left.Except(best)];
                Assert.Equal(Lonely([.. front.Select(i => points[i])]), Domination.Crowding([.. front.Select(i => points[i])]));
            }
            Assert.Empty(left);
        }
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    public void TheHypervolumeIsTheShareOfRandomPointsThatAreDominated(int dimensions)
    {
        var random = new Random(dimensions);
        double[] Draw() => [.. Enumerable.Range(0, dimensions).Select(_ => random.NextDouble())];
        double[][] points = [.. Enumerable.Range(0, 20).Select(_ => Draw())];
        double[] reference = [.. Enumerable.Repeat(0.8, dimensions)];
        const int samples = 40_000;
        var hits = Enumerable.Range(0, samples).Select(_ => Draw()).Count(sample => sample.All(x => x < 0.8) && points.Any(point => point.Zip(sample).All(pair => pair.First <= pair.Second)));
        var share = (double)hits / samples;
        Assert.InRange(Hypervolume.Of(points, reference), share - (3 * Math.Sqrt(share * (1 - share) / samples)) - 1e-9, share + (3 * Math.Sqrt(share * (1 - share) / samples)) + 1e-9);
    }

    [Fact]
    public void TheHypervolumeOfAStaircaseIsItsArea()
    {
        double[][] stairs = [[1, 3], [2, 2], [3, 1], [2, 3], [9, 0]]; // the last two add nothing: dominated, and outside
        Assert.Equal(6, Hypervolume.Of(stairs, [4, 4]));
        Assert.Equal(0, Hypervolume.Of([], [4, 4]));
        Assert.Equal(2, Hypervolume.Of([[0, 0, 1], [1, 0, 0]], [2, 1, 1.5]), 12); // 2 x 1 x 0.5 and 1 x 1 x 1.5, less what both dominate
    }

    [Fact]
    public void TheArchiveKeepsWhatNoneDominates()
    {
        var space = Toy.Space;
        var archive = new ParetoArchive();
        Assert.True(archive.Add(new(space.Smallest, [2, 2])));
        Assert.False(archive.Add(new(space.Largest, [2, 2])));
        Assert.True(archive.Add(new(space.Largest, [1, 3])));
        Assert.False(archive.Add(new(space.Largest, [2, 3])));
        Assert.True(archive.Add(new(space.Largest, [1, 1])));
        Assert.Equal([1.0, 1.0], Assert.Single(archive.Members).Objectives);
        Assert.Equal(9, archive.Hypervolume([4, 4]));
    }

    private static bool Better(double[] a, double[] b) => a.Zip(b).All(pair => pair.First <= pair.Second) && !a.SequenceEqual(b);

    /// <summary>For each point and objective: the next value up less the next down among the sorted ones, in parts of the extent.</summary>
    private static double[] Lonely(double[][] front) => [.. front.Select((_, i) => Enumerable.Range(0, front[0].Length).Sum(m =>
    {
        var order = front.Select((point, number) => (Value: point[m], number)).OrderBy(point => point.Value).ThenBy(point => point.number).ToList();
        var place = order.FindIndex(point => point.number == i);
        var extent = order[^1].Value - order[0].Value;
        return place == 0 || place == order.Count - 1 ? double.PositiveInfinity : extent == 0 ? 0 : (order[place + 1].Value - order[place - 1].Value) / extent;
    }))];
}
