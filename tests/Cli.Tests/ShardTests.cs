using OnnxMoe.Cli.Tests.Support;

namespace OnnxMoe.Cli.Tests;

public sealed class ShardTests : IDisposable
{
    readonly Shell _shell = new();

    public void Dispose() => _shell.Dispose();

    /// <summary>From a file of counts to the plan, on a cluster by its name; a mistake ends with 2 and a sentence.</summary>
    [Fact]
    public void CountsAreSimulatedOnAKnownCluster()
    {
        var clusters = Directory.CreateDirectory(Path.Combine(_shell.Models, "clusters")).FullName;
        File.WriteAllText(Path.Combine(clusters, "pair.json"), """{"name": "a pair", "nodes": [{"gpus": 2, "teraflops": 100}], "withinNode": {"gigabytesPerSecond": 10}}""");
        var (counts, output) = (Path.Combine(_shell.Models, "counts.csv"), Path.Combine(_shell.Models, "plan"));
        File.WriteAllText(counts, "iteration,layer,expert,count\n" + string.Concat(Enumerable.Range(0, 12).Select(i => $"{i / 4},0,{i % 4},{10 + (i % 4)}\n")));
        string[] Arguments(string cluster) => ["shard", "--counts", counts, "--cluster", cluster, "--output", output, "--models", _shell.Models];
        Assert.Equal(0, _shell.RunReal(Arguments("pair")));
        Assert.Contains("3 iterations, 1 layers of 4 experts on 'a pair'", _shell.Output);
        Assert.True(File.Exists(Path.Combine(output, "sharding.json")));
        Assert.Equal(2, _shell.RunReal(Arguments("pears")));
        Assert.Contains("There is no file 'pears'", _shell.Error);
        Assert.Equal(2, _shell.RunReal("shard", "--cluster", "pair", "--models", _shell.Models));
        Assert.Contains("Which counts?", _shell.Error);
    }
}
