using System.Text.RegularExpressions;
using OnnxMoe.Artifacts;
using OnnxMoe.Artifacts.Placement;
using OnnxMoe.Placement.Deployment;
using OnnxMoe.Placement.Tests.Support;
using YamlDotNet.RepresentationModel;

namespace OnnxMoe.Placement.Tests.Deployment;

public sealed partial class KubernetesTests
{
    [Fact]
    public void EveryGpuHasAPodOnItsNode()
    {
        using var planned = new Planned(Some.Trace(2, 8, 2, 60, 1), nodes: 2, gpusPerNode: 2, "eplb", o => o.Deploy = "kubernetes");
        var documents = Deploy(planned);
        Assert.Equal(["ConfigMap", "Service", "StatefulSet", "StatefulSet"], documents.Select(d => Text(d, "kind")));
        var (map, service) = (documents[0], documents[1]);
        Assert.Equal("None", Text(service, "spec", "clusterIP"));
        var devices = new List<int>();
        foreach (var (set, node) in documents.Skip(2).Zip(["rack-0", "rack-1"]))
        {
            Assert.Equal($"random-{node}", Text(set, "metadata", "name"));
            Assert.Equal("2", Text(set, "spec", "replicas"));
            Assert.Equal(Text(service, "metadata", "name"), Text(set, "spec", "serviceName"));
            var template = At(set, "spec", "template");
            Assert.Equal(node, Text(template, "metadata", "labels", "onnxmoe/node"));
            foreach (var (key, value) in ((YamlMappingNode)At(set, "spec", "selector", "matchLabels")).Children)
                Assert.Equal(value, At(template, "metadata", "labels", ((YamlScalarNode)key).Value!));
            foreach (var (key, value) in ((YamlMappingNode)At(service, "spec", "selector")).Children)
                Assert.Equal(value, At(template, "metadata", "labels", ((YamlScalarNode)key).Value!));
            var affinity = At(template, "spec", "affinity", "nodeAffinity", "requiredDuringSchedulingIgnoredDuringExecution", "nodeSelectorTerms", "0", "matchExpressions", "0");
            Assert.Equal(("onnxmoe/node", "In", node), (Text(affinity, "key"), Text(affinity, "operator"), Text(affinity, "values", "0")));
            var server = At(template, "spec", "containers", "0");
            Assert.Equal("1", Text(server, "resources", "limits", "nvidia.com/gpu"));
            Assert.Equal(("/v2/health/live", "/v2/health/ready"), (Text(server, "livenessProbe", "httpGet", "path"), Text(server, "readinessProbe", "httpGet", "path")));
            Assert.Equal(Text(map, "metadata", "name"), Text(template, "spec", "volumes", "1", "configMap", "name"));
            devices.AddRange(Text(template, "metadata", "annotations", "onnxmoe/placement-devices").Split(',').Select(int.Parse));
        }
        Assert.Equal([0, 1, 2, 3], devices);
    }

    [Fact]
    public void TheConfigMapHoldsThePlan()
    {
        using var planned = new Planned(Some.Trace(2, 8, 2, 60, 2), nodes: 1, gpusPerNode: 2, "eplb", o => o.Deploy = "kubernetes");
        planned.Edit(plan => plan with { Source = plan.Source with { Model = "mödel \"x\": \u2028\n# no comment" } });
        var map = Deploy(planned)[0];
        var inside = JsonFile.Parse<PlacementPlan>(System.Text.Encoding.UTF8.GetBytes(Text(map, "data", "placement.json")), "inside");
        Assert.Equal(JsonFile.ToText(planned.Loaded), JsonFile.ToText(inside));
        Assert.Equal(Checksums.Sha256(planned.PlanPath), Text(map, "metadata", "annotations", "onnxmoe/placement-sha256"));
    }

    [Fact]
    public void APlanTooLargeForAConfigMapIsAMistakeAndWritesNothing()
    {
        using var planned = new Planned(Some.Trace(2, 8, 2, 60, 2), nodes: 1, gpusPerNode: 2, "eplb", o => o.Deploy = "both");
        planned.Edit(plan => plan with { Layers = [.. Enumerable.Range(0, 130).Select(l => new PlacedLayer(l, 2000, [[.. Enumerable.Range(0, 1000)], [.. Enumerable.Range(1000, 1000)]]))] });
        Assert.Contains("more than a Kubernetes ConfigMap can hold (1 MiB)", Assert.Throws<UserError>(() => Deploy(planned)).Message);
        Assert.False(Directory.Exists(planned["deploy"]));
    }

    /// <summary>Whatever models and nodes are called, names are DNS labels, all different, and short enough for what is made from them.</summary>
    [Theory]
    [InlineData("Granite 3.0/1B:a400m")]
    [InlineData("--___--")]
    [InlineData("模型")]
    [InlineData("on")]
    [InlineData("3")]
    [InlineData("a: b # c\n---\nkind: Secret")]
    [InlineData("x234567890123456789012345678901234567890123456789012345678901234567890")]
    public void NamesAreValidWhateverTheyAre(string name)
    {
        using var planned = new Planned(Some.Trace(1, 8, 2, 60, 3), nodes: 4, gpusPerNode: 1, "eplb", o => o.Deploy = "both");
        string[] nodes = [name, name.ToUpperInvariant() + "_", name + ".", "null"];
        planned.Edit(plan => plan with { Source = plan.Source with { Model = name }, Devices = [.. plan.Devices.Select((d, g) => d with { Node = nodes[g] })] });
        var documents = Deploy(planned);
        var sets = documents.Where(d => Text(d, "kind") == "StatefulSet").ToList();
        Assert.Equal(4, sets.Count);
        Assert.Equal(4, sets.Select(s => Text(s, "metadata", "name")).Distinct().Count());
        Assert.Equal(4, sets.Select(s => Text(s, "spec", "template", "metadata", "labels", "onnxmoe/node")).Distinct().Count());
        Assert.Equal(nodes, sets.Select(s => Text(s, "spec", "template", "metadata", "annotations", "onnxmoe/placement-node")));
        Assert.All(documents, d => Assert.Matches(DnsLabel(), Text(d, "metadata", "name")));
        Assert.All(sets, s => Assert.InRange(Text(s, "metadata", "name").Length, 1, 52)); // the controller adds a hash to a label
        Assert.All(sets, s => Assert.Equal(name, Text(s, "spec", "template", "spec", "containers", "0", "args", "1")));
        foreach (var labels in sets.Select(s => (YamlMappingNode)At(s, "spec", "template", "metadata", "labels")))
        {
            // A plain scalar such as on or null would not be a text.
            Assert.All(labels.Children.Values.Cast<YamlScalarNode>(), label => Assert.True(label.Value == "onnxmoe" || label.Style == YamlDotNet.Core.ScalarStyle.DoubleQuoted));
            Assert.All(labels.Children.Values.Cast<YamlScalarNode>(), label => Assert.Matches(DnsLabel(), label.Value));
        }
    }

    static List<YamlNode> Deploy(Planned planned)
    {
        DeployRun.Execute("", planned.Options, TextWriter.Null);
        using var reader = new StreamReader(planned["deploy/kubernetes.yaml"]);
        var yaml = new YamlStream();
        yaml.Load(reader);
        return [.. yaml.Documents.Select(d => d.RootNode).Where(root => root is YamlMappingNode)];
    }

    static YamlNode At(YamlNode node, params string[] path) =>
        path.Aggregate(node, (inner, step) => inner is YamlSequenceNode list ? list.Children[int.Parse(step)] : ((YamlMappingNode)inner).Children[step]);

    static string Text(YamlNode node, params string[] path) => ((YamlScalarNode)At(node, path)).Value!;

    [GeneratedRegex("^[a-z]([a-z0-9-]{0,61}[a-z0-9])?$")]
    private static partial Regex DnsLabel();
}
