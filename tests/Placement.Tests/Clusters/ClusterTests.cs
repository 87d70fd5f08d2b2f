using OnnxMoe.Artifacts;
using OnnxMoe.Placement.Clusters;
using OnnxMoe.Placement.Tests.Support;

namespace OnnxMoe.Placement.Tests.Clusters;

public sealed class ClusterTests
{
    const string Within = "\"withinNode\": {\"gigabytesPerSecond\": 450}";

    [Fact]
    public void TwoLevelsGiveTheBandwidthOfEveryPair()
    {
        var cluster = Load($$"""{"name": "c", "nodes": [{"gpus": 2, "memoryGiB": 1}, {"name": "b", "gpus": 1}], {{Within}}, "betweenNodes": {"gigabytesPerSecond": 50, "microseconds": 10} }""");
        Assert.Equal(3, cluster.Devices.Count);
        Assert.Equal(["node0", "node0", "b"], cluster.Devices.Select(d => d.NodeName));
        Assert.Equal(1L << 30, cluster.Devices[0].MemoryBytes);
        Assert.Equal(450e9, cluster.Bandwidth(0, 1));
        Assert.Equal(50e9, cluster.Bandwidth(1, 2));
        Assert.Equal(1e-5, cluster.Latency(0, 2), 12);
    }

    [Theory]
    [InlineData("{\"name\": \"c\", \"nodes\": [], " + Within + "}", "has no nodes")]
    [InlineData("{\"name\": \"c\", \"nodes\": [{\"gpus\": 0}], " + Within + "}", "node 0 has 0 gpus")]
    [InlineData("{\"name\": \"c\", \"nodes\": [{\"gpus\": 1}, {\"gpus\": 1}], " + Within + "}", "no \"betweenNodes\"")]
    [InlineData("{\"name\": \"c\", \"nodes\": [{\"gpus\": 2, \"memoryGiB\": -1}], " + Within + "}", "negative memoryGiB")]
    [InlineData("{\"name\": \"c\", \"nodes\": [{\"gpus\": 2}], \"withinNode\": {\"gigabytesPerSecond\": 0}}", "gigabytesPerSecond above 0")]
    [InlineData("{\"name\": \"c\", \"nodes\": [{\"gpus\": 2}], " + Within + ", \"bandwidth\": [[0, 1], [2, 0]]}", "bandwidth[0][1] is 1 but bandwidth[1][0] is 2")]
    [InlineData("{\"name\": \"c\", \"nodes\": [{\"gpus\": 2}], " + Within + ", \"bandwidth\": [[0, 1]]}", "must be 2 x 2")]
    [InlineData("{\"name\": \"c\", \"nodes\": [{\"gpus\": \"two\"}], " + Within + "}", "cluster.json")]
    [InlineData("{\"name\": \"c\", \"nodes\"", "not valid JSON")]
    public void AMistakeIsNamed(string json, string expected) => Assert.Contains(expected, Assert.Throws<UserError>(() => Load(json)).Message);

    static Cluster Load(string json)
    {
        using var folder = new TemporaryFolder();
        File.WriteAllText(folder["cluster.json"], json);
        return Cluster.Load(folder["cluster.json"]);
    }
}
