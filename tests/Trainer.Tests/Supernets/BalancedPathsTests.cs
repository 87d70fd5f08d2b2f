using OnnxMoe.Search.Spaces;
using OnnxMoe.Trainer.Supernets;

namespace OnnxMoe.Trainer.Tests.Supernets;

public class BalancedPathsTests
{
    private static readonly SearchSpace Space = new("bits", [new("bits", 32, ["2", "3", "4"])]);

    private static double Mean(Architecture architecture) => Enumerable.Range(0, 32).Average(block => architecture.Number("bits", block));

    [Fact]
    public void TheMeanFallsFromTheLargestToTheSmallestAndRisesAgain()
    {
        var paths = new BalancedPaths(Space, 800, seed: 3);
        Assert.Equal([1, 0.5, 0, 0.5, 1], new[] { 0, 200, 400, 600, 800 }.Select(step => BalancedPaths.Level(step, 800)));
        Assert.Equal([4, 2, 4], new[] { 0, 400, 800 }.Select(step => Mean(Assert.Single(paths.Sample(step)))));
        Assert.Equal(paths.Sample(77), new BalancedPaths(Space, 800, seed: 3).Sample(77));
        Assert.NotEqual(paths.Sample(77), paths.Sample(78));
        var means = Enumerable.Range(0, 800).Select(step => Mean(paths.Sample(step)[0])).ToArray();
        for (var bin = 0; bin < 10; bin++)
            Assert.True(means.Count(mean => Math.Min((int)((mean - 2) / 0.2), 9) == bin) >= 40, $"bin {bin}");
    }

    [Fact]
    public void UniformPathsAreHardlyEverSmallOrLarge()
    {
        var means = Enumerable.Range(0, 5000).Select(step => Mean(new UniformPaths(Space, 1, seed: 2).Sample(step)[0])).ToArray();
        var average = means.Average();
        Assert.Equal(0.144, Math.Sqrt(means.Average(mean => Math.Pow(mean - average, 2))), 0.006);
        Assert.All(means, mean => Assert.InRange(mean, 2.3, 3.7));
    }
}
