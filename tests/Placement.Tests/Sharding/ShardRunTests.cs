using System.Text.Json;
using OnnxMoe.Artifacts;
using OnnxMoe.Artifacts.Tensors;
using OnnxMoe.Placement.Sharding;
using OnnxMoe.Placement.Tests.Support;

namespace OnnxMoe.Placement.Tests.Sharding;

public sealed class ShardRunTests : IDisposable
{
    readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void CountsAndAClusterGiveAComparisonAPlanAndAReport()
    {
        var counts = SomeShards.Counts(30, 3, 8, seed: 1);
        Npy.Save(_folder["counts.npy"], HostTensor.From(Enumerable.Range(0, 30).SelectMany(i => counts[i].SelectMany(layer => layer)).ToArray(), 30, 3, 8));
        var log = Run(options => options.ReshardEvery = 10);
        foreach (var policy in new[] { "ep", "hot", "swaps", "hecate", "hecate-rm", "hecate-calibrated", "all" })
            Assert.Contains($"\n  {policy} ", log);
        Assert.Contains("Layer 0 of iteration 15, counts known beforehand", log);

        var file = JsonFile.Load<JsonElement>(_folder["out/sharding.json"]);
        Assert.Equal(ShardingFile.CurrentFormat, file.GetProperty("format").GetString());
        Assert.Equal(7, file.GetProperty("policies").GetArrayLength());
        var gap = file.GetProperty("gaps")[0];
        Assert.True(gap.GetProperty("best").GetDouble() <= gap.GetProperty("heuristic").GetDouble() + 0.01);
        var owned = file.GetProperty("owners").EnumerateArray().SelectMany(layer => layer.GetProperty("devices").EnumerateArray().Select((held, d) => (Device: d, Count: held.GetArrayLength())));
        Assert.All(owned.GroupBy(held => held.Device), device => Assert.Equal(6, device.Sum(held => held.Count)));
        Assert.Contains("<h1>Sharded training on test</h1>", File.ReadAllText(_folder["out/sharding.html"]));
    }

    [Fact]
    public void AnEvenLoadLeavesNothingToGain()
    {
        Npy.Save(_folder["counts.npy"], HostTensor.From(Enumerable.Repeat(10L, 5 * 2 * 8).ToArray(), 5, 2, 8));
        Assert.Contains("1.000 times the mean load: there is nothing to gain", Run(options => options.OptimumSeconds = 0));
    }

    [Fact]
    public void WithoutOverlapNothingIsCopied()
    {
        Npy.Save(_folder["counts.npy"], HostTensor.From(Enumerable.Range(0, 5 * 2 * 8).Select(i => 1L + (i % 8)).ToArray(), 5, 2, 8));
        Assert.Contains("attention hides no expert's transfer", Run(options => options.TokensPerDevice = 1));
    }

    [Fact]
    public void MistakesAreNamed()
    {
        Npy.Save(_folder["counts.npy"], HostTensor.From(Enumerable.Repeat(10L, 5 * 1 * 6).ToArray(), 5, 1, 6));
        Assert.Contains("cannot own in equal numbers", Assert.Throws<UserError>(() => Run(_ => { })).Message);
        Assert.Contains("Simulated", Run(options => options.AllowUneven = true));
        Assert.Contains("Which counts", Assert.Throws<UserError>(() => Run(options => options.Counts = "")).Message);
        Assert.Contains("window", Assert.Throws<UserError>(() => Run(options => (options.AllowUneven, options.Window) = (true, 0))).Message);
    }

    string Run(Action<ShardOptions> change)
    {
        File.WriteAllText(_folder["cluster.json"], """{"name": "test", "nodes": [{"gpus": 2, "count": 2, "memoryGiB": 16, "teraflops": 100}], "withinNode": {"gigabytesPerSecond": 150}, "betweenNodes": {"gigabytesPerSecond": 12.5}, "nodeGigabytesPerSecond": 12.5}""");
        var options = new ShardOptions { Counts = _folder["counts.npy"], Cluster = _folder["cluster.json"], Output = _folder["out"] };
        change(options);
        var log = new StringWriter();
        ShardRun.Execute(options, log, CancellationToken.None);
        return log.ToString();
    }
}
