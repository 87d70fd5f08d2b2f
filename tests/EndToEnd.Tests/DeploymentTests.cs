using System.Net;
using System.Net.Http.Headers;
using OnnxMoe.EndToEnd.Tests.Support;
using YamlDotNet.RepresentationModel;

namespace OnnxMoe.EndToEnd.Tests;

/// <summary>What <c>export --deploy</c> writes, held against a real server.</summary>
[Collection(ChainCollection.Name)]
public sealed class DeploymentTests(Chain chain)
{
    [Fact]
    public async Task TheServerTakesItsArgumentsAndAnswersItsProbes()
    {
        var model = chain.CopyAs("deployed");
        var log = Command.RunWell(chain.With("export", "deployed", "--deploy", "kubernetes,triton"));
        Assert.Contains(Path.Combine(model, "deploy"), log, StringComparison.Ordinal);
        Assert.True(File.Exists(Path.Combine(model, "deploy", "triton", "tiny", "config.pbtxt")));
        var container = Container(Path.Combine(model, "deploy", "kubernetes.yaml"));

        var args = ((YamlSequenceNode)At(container, "args")).Select(word => ((YamlScalarNode)word).Value!).ToList();
        Assert.Equal(["serve", "--port", "8080"], [args[0], .. args[^2..]]);
        Assert.Contains("0.0.0.0", args);
        args = [.. args[1..^2].Select(word => word switch { "/models" => chain.Models, "0.0.0.0" => "127.0.0.1", _ => word })];
        var settings = ((YamlSequenceNode)At(container, "env")).Select(entry => (Name: Text(entry, "name"), Value: ((YamlMappingNode)entry).Children.TryGetValue("value", out var value) ? $"{value}" : "secret"))
            .Where(setting => setting.Name.StartsWith("ONNXMOE__", StringComparison.Ordinal));
        args.AddRange(settings.Select(setting => $"--{setting.Name["ONNXMOE__".Length..].Replace("__", ":", StringComparison.Ordinal)}={setting.Value}"));

        using var server = new Server([.. args]);
        foreach (var probe in (string[])["startupProbe", "livenessProbe", "readinessProbe"])
            Assert.Equal(HttpStatusCode.OK, (await server.Client.GetAsync(Text(container, probe, "httpGet", "path"))).StatusCode); // without the key
        Assert.Equal(HttpStatusCode.OK, (await server.Client.GetAsync("/metrics")).StatusCode);
        Assert.Equal(HttpStatusCode.Unauthorized, (await server.Client.GetAsync("/v1/models")).StatusCode);
        server.Client.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", "secret");
        Assert.Equal(HttpStatusCode.OK, (await server.Client.GetAsync("/v1/models")).StatusCode);
        Assert.Equal(0, server.Terminate());
    }

    [Fact]
    public void AnUnknownKindOfDeploymentIsRefusedBeforeAnythingIsWritten()
    {
        var before = File.GetLastWriteTimeUtc(Path.Combine(chain.Model, "model.onnx"));
        Command.RunRefused(chain.With("export", "tiny", "--deploy", "helm"), "Export:Deploy has 'helm'");
        Assert.Equal(before, File.GetLastWriteTimeUtc(Path.Combine(chain.Model, "model.onnx")));
    }

    static YamlNode Container(string file)
    {
        using var reader = new StreamReader(file);
        var yaml = new YamlStream();
        yaml.Load(reader);
        return At(yaml.Documents[0].RootNode, "spec", "template", "spec", "containers", "0");
    }

    static YamlNode At(YamlNode node, params string[] path) =>
        path.Aggregate(node, (inner, step) => inner is YamlSequenceNode list ? list.Children[int.Parse(step)] : ((YamlMappingNode)inner).Children[step]);

    static string Text(YamlNode node, params string[] path) => ((YamlScalarNode)At(node, path)).Value!;
}
