using OnnxMoe.Cli.Tests.Support;

namespace OnnxMoe.Cli.Tests;

public sealed class PlaceTests : IDisposable
{
    readonly Shell _shell = new();

    public void Dispose() => _shell.Dispose();

    /// <summary>Expert counts in CSV on a cluster by its name; a name that is not there lists those that are.</summary>
    [Fact]
    public void AKnownClusterIsTakenByItsName()
    {
        var clusters = Directory.CreateDirectory(Path.Combine(_shell.Models, "clusters")).FullName;
        File.WriteAllText(Path.Combine(clusters, "pair.json"), """{"name": "a pair", "nodes": [{"gpus": 2}], "withinNode": {"gigabytesPerSecond": 10}}""");
        var (counts, output) = (Path.Combine(_shell.Models, "counts.csv"), Path.Combine(_shell.Models, "plan"));
        File.WriteAllText(counts, "layer,expert,count\n0,0,10\n0,1,10\n0,2,30\n0,3,10\n");
        string[] Arguments(string cluster) => ["place", "--trace", counts, "--cluster", cluster, "--output", output, "--models", _shell.Models];
        Assert.Equal(0, _shell.RunReal(Arguments("pair")));
        Assert.Contains("a pair", File.ReadAllText(Path.Combine(output, "placement.json")));
        Assert.Equal(2, _shell.RunReal(Arguments("pears")));
        Assert.Contains("There is no file 'pears', and the clusters in", _shell.Error);
        Assert.Contains("are pair.", _shell.Error);
    }
}
