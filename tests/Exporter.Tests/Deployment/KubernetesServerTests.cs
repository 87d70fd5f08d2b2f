using OnnxMoe.Artifacts;
using OnnxMoe.Exporter.Deployment;
using OnnxMoe.Exporter.Tests.Support;
using YamlDotNet.RepresentationModel;

namespace OnnxMoe.Exporter.Tests.Deployment;

public sealed class KubernetesServerTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void ReplicasBehindAServiceAreTakenOutBeforeTheyEnd()
    {
        var documents = Deploy("some");
        Assert.Equal(["Deployment", "Service", "PodDisruptionBudget", "HorizontalPodAutoscaler"], documents.Select(document => Text(document, "kind")));
        Assert.Equal(["apps/v1", "v1", "policy/v1", "autoscaling/v2"], documents.Select(document => Text(document, "apiVersion")));
        Assert.All(documents, document => Assert.Equal("some", Text(document, "metadata", "name")));
        var (deployment, service, budget, scaler) = (documents[0], documents[1], documents[2], documents[3]);
        var pod = At(deployment, "spec", "template", "spec");
        var server = At(pod, "containers", "0");

        var labels = At(deployment, "spec", "template", "metadata", "labels");
        Assert.Equal(labels, At(deployment, "spec", "selector", "matchLabels"));
        Assert.Equal(labels, At(service, "spec", "selector"));
        Assert.Equal(labels, At(budget, "spec", "selector", "matchLabels"));
        Assert.Equal("some", Text(labels, "app.kubernetes.io/instance"));
        Assert.Equal(("Deployment", "some"), (Text(scaler, "spec", "scaleTargetRef", "kind"), Text(scaler, "spec", "scaleTargetRef", "name")));

        Assert.Equal(("http", "8080"), (Text(server, "ports", "0", "name"), Text(server, "ports", "0", "containerPort")));
        Assert.Equal(("80", "http", "None"), (Text(service, "spec", "ports", "0", "port"), Text(service, "spec", "ports", "0", "targetPort"), Text(service, "spec", "sessionAffinity")));
        Assert.Equal(Text(scaler, "spec", "minReplicas"), Text(deployment, "spec", "replicas"));
        Assert.True(int.Parse(Text(deployment, "spec", "replicas")) > int.Parse(Text(budget, "spec", "minAvailable")));
        Assert.Equal("cpu", Text(scaler, "spec", "metrics", "0", "resource", "name"));

        var notice = Assert.IsType<YamlSequenceNode>(At(server, "lifecycle", "preStop", "exec", "command")).Select(word => ((YamlScalarNode)word).Value!).ToArray();
        Assert.Equal("sleep", notice[0]);
        var drain = int.Parse(Environment(server)["ONNXMOE__Serve__DrainSeconds"]);
        Assert.True(int.Parse(Text(pod, "terminationGracePeriodSeconds")) > int.Parse(notice[1]) + drain);
        foreach (var probe in (string[])["startupProbe", "livenessProbe", "readinessProbe"])
            Assert.Equal("http", Text(server, probe, "httpGet", "port"));

        Assert.Equal(("true", "10001", "RuntimeDefault"), (Text(pod, "securityContext", "runAsNonRoot"), Text(pod, "securityContext", "runAsUser"), Text(pod, "securityContext", "seccompProfile", "type")));
        Assert.Equal(("true", "false", "ALL"), (Text(server, "securityContext", "readOnlyRootFilesystem"), Text(server, "securityContext", "allowPrivilegeEscalation"), Text(server, "securityContext", "capabilities", "drop", "0")));
        var key = ((YamlSequenceNode)At(server, "env")).Single(entry => Text(entry, "name") == "ONNXMOE__Serve__ApiKey");
        Assert.Equal(("some-api-key", "api-key"), (Text(key, "valueFrom", "secretKeyRef", "name"), Text(key, "valueFrom", "secretKeyRef", "key")));
        Assert.Contains("create secret generic some-api-key --from-literal=api-key=", File.ReadAllText(_folder["deploy/README.md"]), StringComparison.Ordinal);
    }

    [Fact]
    public void ResourcesFollowFromTheModel()
    {
        var server = At(Deploy("some")[0], "spec", "template", "spec", "containers", "0");
        // Two layers of 2 heads of 16, keys and values of 4 bytes; 8 sequences of 64 tokens and a page of 32.
        const long cache = 2 * 2 * 16 * 2 * 4 * 8L * (64 + 32);
        var settings = Environment(server);
        Assert.Equal($"{MiB(cache)}", settings["ONNXMOE__Serve__CacheSize"]);
        var stored = new FileInfo(_folder["model.onnx"]).Length + new FileInfo(_folder["model.onnx.data"]).Length;
        var parameters = Some.Model().Weights.Sum(weight => weight.Parameter.numel());
        var memory = int.Parse(Text(server, "resources", "requests", "memory")[..^2]);
        Assert.EndsWith("Mi", Text(server, "resources", "requests", "memory"), StringComparison.Ordinal);
        Assert.InRange(memory - 384 - MiB(cache) - MiB(stored) - MiB(parameters * 4) - MiB(64 * Some.Vocabulary * 4), 0, 1);
        Assert.Equal($"{memory * 3 / 2}Mi", Text(server, "resources", "limits", "memory"));
        Assert.Equal(settings["ONNXMOE__Serve__Threads"], Text(server, "resources", "requests", "cpu"));
    }

    [Fact]
    public void TheImageHasWhatTheServerReads()
    {
        Deploy("some");
        var lines = File.ReadAllLines(_folder["deploy/Dockerfile"]);
        var copy = Assert.Single(lines, line => line.StartsWith("COPY --from=model", StringComparison.Ordinal));
        Assert.EndsWith("""["manifest.json", "model.onnx", "model.onnx.data", "/models/some/"]""", copy, StringComparison.Ordinal);
        Assert.Contains("RUN LANE=$LANE TORCH=$TORCH make setup build", lines);
        Assert.Contains("USER 10001:10001", lines);
        Assert.All((string[])["**/bin", "data", "models/*"], ignored => Assert.Contains(ignored, File.ReadAllLines(_folder["deploy/Dockerfile.dockerignore"])));
    }

    [Fact]
    public void AGpuChangesTheServerAndNothingElse()
    {
        var deployment = Deploy("some")[0];
        var patch = Documents("kubernetes-gpu.patch.yaml").Single();
        var server = At(patch, "spec", "template", "spec", "containers", "0");
        Assert.Equal(Text(deployment, "spec", "template", "spec", "containers", "0", "name"), Text(server, "name"));
        Assert.Equal("1", Text(server, "resources", "limits", "nvidia.com/gpu"));
        Assert.Equal("cuda", Environment(server)["ONNXMOE__Serve__Device"]);
    }

    [Fact]
    public void NamesAreOnesThatKubernetesTakes()
    {
        var documents = Deploy("on_");
        Assert.All(documents, document => Assert.Equal("on", Text(document, "metadata", "name")));
        var instance = (YamlScalarNode)At(documents[0], "metadata", "labels", "app.kubernetes.io/instance");
        Assert.Equal(YamlDotNet.Core.ScalarStyle.DoubleQuoted, instance.Style); // a plain 'on' would be a truth value
        Assert.Equal("on_", Text(documents[0], "spec", "template", "spec", "containers", "0", "args", "1"));
    }

    [Theory]
    [InlineData("helm", "'helm'")]
    [InlineData("triton,1", "'1'")]
    public void AnUnknownWordIsAClearError(string deploy, string message) =>
        Assert.Contains(message, Assert.Throws<UserError>(() => new ExportOptions { Deploy = deploy }.Deployments()).Message, StringComparison.Ordinal);

    [Fact]
    public void WordsAreTakenOnceAndInAnyCase() =>
        Assert.Equal([DeployTarget.Triton, DeployTarget.Kubernetes], new ExportOptions { Deploy = " Triton, kubernetes,triton" }.Deployments());

    [Fact]
    public void AFileThatWasNotExportedIsAClearErrorAndNothingIsWritten()
    {
        Some.Manifest().Save(_folder.Path);
        var error = Assert.Throws<UserError>(() => DeployJob.Run(_folder.Path, "model.onnx", [DeployTarget.Kubernetes, DeployTarget.Triton], TextWriter.Null));
        Assert.Equal("some has no exported file model.onnx to deploy; its manifest lists none.", error.Message);
        Assert.False(Directory.Exists(_folder["deploy"]));
    }

    private List<YamlNode> Deploy(string name)
    {
        new ExportJob(Some.Model(), Some.Manifest() with { Name = name }, Some.Tokens(12), new ExportOptions { Target = "onnx" }, TextWriter.Null).Run(_folder.Path, default);
        DeployJob.Run(_folder.Path, "model.onnx", [DeployTarget.Kubernetes], TextWriter.Null);
        return Documents("kubernetes.yaml");
    }

    private List<YamlNode> Documents(string file)
    {
        using var reader = new StreamReader(_folder[$"deploy/{file}"]);
        var yaml = new YamlStream();
        yaml.Load(reader);
        return [.. yaml.Documents.Select(document => document.RootNode)];
    }

    private static Dictionary<string, string> Environment(YamlNode server) => ((YamlSequenceNode)At(server, "env"))
        .Where(entry => ((YamlMappingNode)entry).Children.ContainsKey("value")).ToDictionary(entry => Text(entry, "name"), entry => Text(entry, "value"));

    private static YamlNode At(YamlNode node, params string[] path) =>
        path.Aggregate(node, (inner, step) => inner is YamlSequenceNode list ? list.Children[int.Parse(step)] : ((YamlMappingNode)inner).Children[step]);

    private static string Text(YamlNode node, params string[] path) => ((YamlScalarNode)At(node, path)).Value!;

    private static long MiB(long bytes) => (bytes + (1 << 20) - 1) >> 20;
}
