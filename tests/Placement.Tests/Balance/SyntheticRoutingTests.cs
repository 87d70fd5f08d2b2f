using OnnxMoe.Artifacts;
using OnnxMoe.Placement.Statistics;

namespace OnnxMoe.Placement.Tests.Balance;

public sealed class SyntheticRoutingTests
{
    [Fact]
    public void ItLooksLikeWhatIsPublishedOfDeepSeekV3()
    {
        var trace = SyntheticRouting.Draw((8, 256, 8), 2048, 1);
        var load = RoutingStatistics.Of(trace, [.. Enumerable.Range(0, trace.Tokens)]).Load;
        Assert.All(load, layer => Assert.Equal(2048 * 8, layer.Sum()));
        Assert.InRange(load.Average(layer => layer.Max() / layer.Average()), 5, 11);
        double Contiguous(int gpus) => load.Average(layer => layer.Chunk(256 / gpus).Max(chunk => chunk.Sum()) * (double)gpus / layer.Sum());
        Assert.InRange(Contiguous(8), 1.7, 2.9);
        Assert.InRange(Contiguous(32), 2.0, 2.9);
        Assert.All(Enumerable.Range(0, trace.Tokens), t => Assert.Equal(8, trace.Ids(3, t).ToArray().Distinct().Count()));
    }

    [Fact]
    public void TheSeedDecides()
    {
        var (first, again, other) = (SyntheticRouting.Draw((2, 16, 2), 100, 1), SyntheticRouting.Draw((2, 16, 2), 100, 1), SyntheticRouting.Draw((2, 16, 2), 100, 2));
        Assert.Equal(first.Ids(1).ToArray(), again.Ids(1).ToArray());
        Assert.NotEqual(first.Ids(1).ToArray(), other.Ids(1).ToArray());
    }

    [Theory]
    [InlineData("58x256")]
    [InlineData("58x8x9")]
    [InlineData("axbxc")]
    public void AShapeThatIsNoneIsRefused(string text) => Assert.Contains("58x256x8", Assert.Throws<UserError>(() => SyntheticRouting.Shape(text)).Message, StringComparison.Ordinal);
}
