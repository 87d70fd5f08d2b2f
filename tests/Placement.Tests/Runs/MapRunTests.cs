using System.Text.Json;
using OnnxMoe.Artifacts;
using OnnxMoe.Placement.Mappings;
using OnnxMoe.Placement.Tests.Support;

namespace OnnxMoe.Placement.Tests.Runs;

public sealed class MapRunTests : IDisposable
{
    readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void AShapeAndAClusterGiveATableAFileAndAReport()
    {
        var log = Run(nodes: 8, o => o.Cp = 1);
        Assert.Contains("Qwen2-57B-A14B (57.4 billion weights, 14.2 billion active)", log);
        Assert.Contains("Folded against best unfolded", log);
        var plan = JsonFile.Load<MappingPlan>(_folder["mapping.json"]);
        Assert.Equal(("Qwen2-57B-A14B", 64, 10), (plan.Model, plan.Gpus, plan.Listed.Count));
        Assert.Equal(plan.Best, plan.Listed[0]);
        Assert.True(plan.Best.StepSeconds <= plan.BestUnfolded!.StepSeconds);
        Assert.All(plan.Listed.Zip(plan.Listed.Skip(1)), pair => Assert.True(pair.First.StepSeconds <= pair.Second.StepSeconds));
        Assert.All(plan.Attention.Values.Concat(plan.Experts.Values), groups => Assert.Equal(Enumerable.Range(0, 64), groups.SelectMany(group => group).Order()));
        Assert.Equal(plan.Best.Ep, plan.Experts["ep"][0].Count);
        var page = File.ReadAllText(_folder["report.html"]);
        Assert.Contains("<h1>Mapping of Qwen2-57B-A14B</h1>", page);
        Assert.Contains("What removed the others", page);
    }

    [Fact]
    public void WhenNothingFitsItSaysWhatToRelaxAndThatHasBeenTried()
    {
        var message = Assert.Throws<UserError>(() => Run(nodes: 1, o => (o.Recompute, o.Ep) = ("never", 2))).Message;
        Assert.Contains("No mapping of Qwen2-57B-A14B fits '1 x DGX H100", message);
        Assert.Contains("more a GPU would do", message);
        Assert.Contains("On ", message);
        // The number of nodes that it names is enough.
        var nodes = int.Parse(message[(message.IndexOf("On ", StringComparison.Ordinal) + 3)..].Split(' ')[0], System.Globalization.CultureInfo.InvariantCulture);
        Assert.Contains("fit into memory", Run(nodes, o => (o.Recompute, o.Ep) = ("never", 2)));
        Assert.Throws<UserError>(() => Run(nodes / 2, o => (o.Recompute, o.Ep) = ("never", 2)));
    }

    [Fact]
    public void MistakesAreNamed()
    {
        Assert.Contains("Which model?", Assert.Throws<UserError>(() => Run(1, o => o.ModelShape = "")).Message);
        Assert.Contains("Which cluster?", Assert.Throws<UserError>(() => Run(1, o => o.Cluster = "")).Message);
        Assert.Contains("has 2048 GPUs", Assert.Throws<UserError>(() => Run(256, _ => { })).Message);
        Assert.Contains("once each", Assert.Throws<UserError>(() => Run(8, o => o.Order = "tp-pp")).Message);
        var shape = JsonSerializer.Deserialize<Dictionary<string, object>>(File.ReadAllText(Some.Data("shapes/mixtral-8x22b.json")))!;
        shape["expertsPerToken"] = 9;
        File.WriteAllText(_folder["shape.json"], JsonSerializer.Serialize(shape));
        Assert.Contains("cannot use 9 of 8 experts", Assert.Throws<UserError>(() => Run(1, o => o.ModelShape = _folder["shape.json"])).Message);
    }

    string Run(int nodes, Action<MapOptions> change)
    {
        var options = new MapOptions { ModelShape = Some.Data("shapes/qwen2-57b-a14b.json"), Cluster = Some.Data("clusters/dgx-h100.json"), Nodes = nodes, Output = Path.GetDirectoryName(_folder["x"])! };
        change(options);
        using var log = new StringWriter();
        MapRun.Execute(options, log, CancellationToken.None);
        return log.ToString();
    }
}
