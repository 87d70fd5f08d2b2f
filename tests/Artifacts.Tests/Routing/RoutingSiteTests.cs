using OnnxMoe.Artifacts.Routing;

namespace OnnxMoe.Artifacts.Tests.Routing;

public class RoutingSiteTests
{
    [Theory]
    [InlineData(3, 0, "routing.3.indices")]
    [InlineData(3, 1, "routing.3.1.indices")]
    [InlineData(0, 12, "routing.0.12.indices")]
    public void OutputsAreNamedByLayerAndIteration(int layer, int iteration, string output)
    {
        var site = new RoutingSite(layer, iteration);
        Assert.Equal(output, site.IndicesOutput);
        Assert.Equal(output.Replace("indices", "weights"), site.WeightsOutput);
        Assert.Equal(site, RoutingSite.OfIndices(output));
    }

    [Theory]
    [InlineData("logits")]
    [InlineData("routing.3.weights")]
    [InlineData("routing.indices")]
    [InlineData("routing..indices")]
    [InlineData("routing.x.indices")]
    [InlineData("routing.-1.indices")]
    [InlineData("routing.3.0.indices")]
    [InlineData("routing.3.1.2.indices")]
    public void OtherOutputsAreNoSites(string output) => Assert.Null(RoutingSite.OfIndices(output));

    [Fact]
    public void SitesAreInTheOrderInWhichATokenMeetsThem()
    {
        RoutingSite[] sites = [new(2), new(2, 1), new(10), new(10, 1), new(10, 2)];
        Assert.Equal(sites, sites.Reverse().Order());
    }
}
