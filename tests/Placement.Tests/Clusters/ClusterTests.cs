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

    [Fact]
    public void EqualNodesAreCountedAndReservedMemoryIsNotForWeights()
    {
        const string text = $$"""{"name": "c", "nodes": [{"name": "a", "gpus": 2, "count": 3, "memoryGiB": 4, "reservedGiB": 1}], {{Within}}, "betweenNodes": {"gigabytesPerSecond": 50} }""";
        var cluster = Load(text);
        Assert.Equal((3, 6), (cluster.Nodes, cluster.Devices.Count));
        Assert.Equal(["a0", "a0", "a1", "a1", "a2", "a2"], cluster.Devices.Select(d => d.NodeName));
        Assert.All(cluster.Devices, device => Assert.Equal(3L << 30, device.MemoryBytes));
        Assert.Equal((50e9, 450e9), (cluster.Bandwidth(1, 2), cluster.Bandwidth(2, 3)));
        var two = Load(text, nodes: 2);
        Assert.Equal(("2 x c", 4), (two.Name, two.Devices.Count));
    }

    [Fact]
    public void APortIsAsWideAsAPairUnlessItSaysMore()
    {
        Assert.Equal(450e9, Load($$"""{"name": "c", "nodes": [{"gpus": 2}], {{Within}} }""").Port(0, 1));
        var mesh = Load("""{"name": "c", "nodes": [{"gpus": 3, "blocks": 304, "memoryGigabytesPerSecond": 5300, "blockGigabytesPerSecond": 8}], "withinNode": {"gigabytesPerSecond": 64, "portGigabytesPerSecond": 128} }""");
        Assert.Equal((64e9, 128e9), (mesh.Bandwidth(0, 1), mesh.Port(0, 1)));
        Assert.All(mesh.Devices, device => Assert.Equal((304, 5300e9, 8e9), (device.Blocks, device.MemoryBytesPerSecond, device.BlockBytesPerSecond)));
    }

    [Fact]
    public void TheNumberOfNodesIsForOneKindOnly() =>
        Assert.Contains("2 kinds of nodes", Assert.Throws<UserError>(() => Load($$"""{"name": "c", "nodes": [{"gpus": 2}, {"gpus": 1}], {{Within}}, "betweenNodes": {"gigabytesPerSecond": 50} }""", nodes: 2)).Message);

    [Fact]
    public void EveryKnownMachineIsRightAndSaysWhereItsFiguresComeFrom()
    {
        var files = Directory.GetFiles(Some.Data("clusters"), "*.json");
        Assert.True(files.Length >= 10);
        foreach (var file in files)
        {
            var cluster = Cluster.Load(file);
            Assert.All(cluster.Devices, device => Assert.True(device is { MemoryBytes: > 0, Flops: > 0, Blocks: > 0, MemoryBytesPerSecond: > 0 }));
            if (cluster.Name.Contains("DGX", StringComparison.Ordinal))
                Assert.NotEmpty(JsonFile.Load<ClusterDescription>(file).Sources);
        }
    }

    [Theory]
    [InlineData("{\"name\": \"c\", \"nodes\": [{\"gpus\": 1, \"count\": 0}], " + Within + "}", "node 0 has the count 0")]
    [InlineData("{\"name\": \"c\", \"nodes\": [{\"gpus\": 1, \"count\": 2}], " + Within + "}", "no \"betweenNodes\"")]
    [InlineData("{\"name\": \"c\", \"nodes\": [{\"gpus\": 1, \"memoryGiB\": 2, \"reservedGiB\": 2}], " + Within + "}", "2 reservedGiB of 2 memoryGiB")]
    [InlineData("{\"name\": \"c\", \"nodes\": [], " + Within + "}", "has no nodes")]
    [InlineData("{\"name\": \"c\", \"nodes\": [{\"gpus\": 0}], " + Within + "}", "node 0 has 0 gpus")]
    [InlineData("{\"name\": \"c\", \"nodes\": [{\"gpus\": 1}, {\"gpus\": 1}], " + Within + "}", "no \"betweenNodes\"")]
    [InlineData("{\"name\": \"c\", \"nodes\": [{\"gpus\": 2, \"memoryGiB\": -1}], " + Within + "}", "negative memoryGiB")]
    [InlineData("{\"name\": \"c\", \"nodes\": [{\"gpus\": 2, \"blocks\": -1}], " + Within + "}", "negative blocks")]
    [InlineData("{\"name\": \"c\", \"nodes\": [{\"gpus\": 2, \"memoryGigabytesPerSecond\": -1}], " + Within + "}", "negative blocks, memoryGigabytesPerSecond")]
    [InlineData("{\"name\": \"c\", \"nodes\": [{\"gpus\": 2}], \"withinNode\": {\"gigabytesPerSecond\": 64, \"portGigabytesPerSecond\": 32}}", "less than the 64 of a single pair")]
    [InlineData("{\"name\": \"c\", \"nodes\": [{\"gpus\": 2}], \"withinNode\": {\"gigabytesPerSecond\": 0}}", "gigabytesPerSecond above 0")]
    [InlineData("{\"name\": \"c\", \"nodes\": [{\"gpus\": 2}], " + Within + ", \"bandwidth\": [[0, 1], [2, 0]]}", "bandwidth[0][1] is 1 but bandwidth[1][0] is 2")]
    [InlineData("{\"name\": \"c\", \"nodes\": [{\"gpus\": 2}], " + Within + ", \"bandwidth\": [[0, 1]]}", "must be 2 x 2")]
    [InlineData("{\"name\": \"c\", \"nodes\": [{\"gpus\": \"two\"}], " + Within + "}", "cluster.json")]
    [InlineData("{\"name\": \"c\", \"nodes\"", "not valid JSON")]
    public void AMistakeIsNamed(string json, string expected) => Assert.Contains(expected, Assert.Throws<UserError>(() => Load(json)).Message);

    static Cluster Load(string json, int nodes = 0)
    {
        using var folder = new TemporaryFolder();
        File.WriteAllText(folder["cluster.json"], json);
        return Cluster.Load(folder["cluster.json"], nodes);
    }
}
