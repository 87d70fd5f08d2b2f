using OnnxMoe.Cli.Tests.Support;

namespace OnnxMoe.Cli.Tests;

public sealed class MapTests : IDisposable
{
    readonly Shell _shell = new();

    public void Dispose() => _shell.Dispose();

    /// <summary>A shape and a cluster by their names; a degree that divides nothing is refused with the reason.</summary>
    [Fact]
    public void AShapeAndAClusterAreTakenByTheirNames()
    {
        Write("clusters", "pair", """{"name": "two nodes", "nodes": [{"gpus": 2, "count": 2, "memoryGiB": 16, "teraflops": 100}], "withinNode": {"gigabytesPerSecond": 100}, "betweenNodes": {"gigabytesPerSecond": 10}}""");
        Write("shapes", "small", """{"name": "small", "layers": 4, "hiddenSize": 512, "heads": 8, "kvHeads": 8, "headSize": 64, "experts": 4, "expertsPerToken": 2, "expertHiddenSize": 1024, "vocabulary": 1000}""");
        var output = Path.Combine(_shell.Models, "map");
        string[] Arguments(string shape, params string[] more) => ["map", shape, "--cluster", "pair", "--sequence", "256", "--batch", "8", "--output", output, "--models", _shell.Models, .. more];
        Assert.Equal(0, _shell.RunReal(Arguments("small")));
        Assert.Contains("\"model\": \"small\"", File.ReadAllText(Path.Combine(output, "mapping.json")));
        Assert.Equal(2, _shell.RunReal(Arguments("smell")));
        Assert.Contains("the model shapes in", _shell.Error);
        Assert.Equal(2, _shell.RunReal(Arguments("small", "--ep", "3")));
        Assert.Contains("cannot be divided by ETP x EP x PP", _shell.Error);
    }

    void Write(string kind, string name, string json) =>
        File.WriteAllText(Path.Combine(Directory.CreateDirectory(Path.Combine(_shell.Models, kind)).FullName, $"{name}.json"), json);
}
