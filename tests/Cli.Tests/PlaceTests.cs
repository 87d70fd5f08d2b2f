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

    /// <summary>A plan is made, then looked at without planning again: explained, checked, sketched as a deployment.</summary>
    [Fact]
    public void APlanIsExplainedCheckedAndDeployed()
    {
        var clusters = Directory.CreateDirectory(Path.Combine(_shell.Models, "clusters")).FullName;
        File.WriteAllText(Path.Combine(clusters, "pair.json"), """{"name": "a pair", "nodes": [{"gpus": 2}], "withinNode": {"gigabytesPerSecond": 10}}""");
        var (counts, plan) = (Path.Combine(_shell.Models, "counts.csv"), Path.Combine(_shell.Models, "placement.json"));
        File.WriteAllText(counts, "layer,expert,count\n0,0,10\n0,1,10\n0,2,30\n0,3,10\n");
        int Place(params string[] arguments) => _shell.RunReal(["place", "--trace", counts, .. arguments, "--models", _shell.Models]);
        Assert.Equal(0, Place("--cluster", "pair", "--method", "contiguous", "--output", _shell.Models));
        Assert.Equal(0, Place("--plan", plan, "--explain", "0", "2"));
        Assert.Contains("Expert 2 of layer 0 is on GPU 1 (node node0), with expert 3, by contiguous from counts.csv.", _shell.Output);
        Assert.Equal(0, Place("--explain=0,1", "--output", _shell.Models));
        Assert.Contains("Expert 1 of layer 0 is on GPU 0", _shell.Output);
        Assert.Equal(2, Place("--plan", plan, "--explain", "0", "4"));
        Assert.Contains("has no expert 4; its experts are 0 to 3.", _shell.Error);
        Assert.Equal(0, Place("--plan", plan, "--deploy", "both"));
        Assert.Contains($"belongs to the trace {counts}", _shell.Output);
        Assert.True(File.Exists(Path.Combine(_shell.Models, "deploy", "kubernetes.yaml")));
        Assert.True(File.Exists(Path.Combine(_shell.Models, "deploy", "triton", "node0", "counts-gpu1", "config.pbtxt")));
    }
}
