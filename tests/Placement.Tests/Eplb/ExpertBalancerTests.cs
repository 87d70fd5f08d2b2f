using OnnxMoe.Placement.Eplb;

namespace OnnxMoe.Placement.Tests.Eplb;

public sealed class ExpertBalancerTests
{
    [Theory]
    [InlineData("90 132 40 61 104 165 39 4 73 56 183 86", "5 6 5 7 8 4 3 4 10 9 10 2 0 1 11 1")]
    [InlineData("20 107 104 64 19 197 187 157 172 86 16 27", "7 10 6 8 6 11 8 9 2 4 5 1 5 0 3 1")]
    public void TheExampleOfItsReadmeComesOut(string weights, string expected)
    {
        var slots = ExpertBalancer.Place(Numbers(weights), slots: 16, groups: 4, nodes: 2, gpus: 8);
        Assert.Equal(expected, string.Join(' ', slots));
    }

    [Fact]
    public void CopiesGoToTheHottestExperts()
    {
        var (expert, copies) = ExpertBalancer.Replicate([10, 40, 30, 5], 7);
        Assert.Equal([0, 1, 2, 3, 1, 2, 1], expert);
        Assert.Equal([1, 3, 2, 1], copies);
    }

    [Fact]
    public void PackingFillsEveryBin()
    {
        var random = new Random(5);
        var packed = ExpertBalancer.Pack([.. Enumerable.Range(0, 24).Select(_ => random.NextDouble())], 6);
        Assert.All(packed.GroupBy(p => p.Bin), bin => Assert.Equal([0, 1, 2, 3], bin.Select(p => p.Place).Order()));
        Assert.Throws<ArgumentException>(() => ExpertBalancer.Pack([1, 2, 3], 2));
    }

    static double[] Numbers(string text) => [.. text.Split(' ').Select(double.Parse)];
}
