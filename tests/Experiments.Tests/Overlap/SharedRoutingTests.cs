using OnnxMoe.Artifacts;
using OnnxMoe.Experiments.Overlap;

namespace OnnxMoe.Experiments.Tests.Overlap;

public sealed class SharedRoutingTests
{
    [Theory]
    [InlineData(4096, 8, 2, 0)]
    [InlineData(4096, 8, 2, 0.032)]
    [InlineData(1001, 16, 2, 0.05)]
    [InlineData(4096, 64, 4, 0.032)]
    [InlineData(300, 5, 5, 0)]
    public void SharesHaveTheDeviationAndATokenHasDistinctExperts(int tokens, int experts, int k, double deviation)
    {
        for (var seed = 1; seed <= 5; seed++)
        {
            var ids = SharedRouting.Draw(tokens, experts, k, deviation, seed);
            Assert.Equal(tokens * k, ids.Length);
            Assert.All(ids, id => Assert.InRange(id, 0, experts - 1));
            Assert.All(ids.Chunk(k), token => Assert.Equal(k, token.Distinct().Count()));
            Assert.Equal(deviation, SharedRouting.Deviation(ids, experts), 3);
            Assert.Equal(ids, SharedRouting.Draw(tokens, experts, k, deviation, seed));
        }
    }

    [Fact]
    public void SeedsGiveOtherTokensAndShares() => Assert.NotEqual(SharedRouting.Draw(100, 8, 2, 0.03, 1), SharedRouting.Draw(100, 8, 2, 0.03, 2));

    [Fact]
    public void MoreThanThereCanBeIsRefused() =>
        Assert.Contains("cannot have a standard deviation of 0.4", Assert.Throws<UserError>(() => SharedRouting.Draw(100, 8, 4, 0.4, 1)).Message);
}
