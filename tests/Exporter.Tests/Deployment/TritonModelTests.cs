using Onnx;
using OnnxMoe.Artifacts;
using OnnxMoe.Artifacts.Graphs;
using OnnxMoe.Exporter.Deployment;
using OnnxMoe.Exporter.Tests.Support;
using OnnxMoe.Exporter.Verification;

namespace OnnxMoe.Exporter.Tests.Deployment;

public sealed class TritonModelTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("onnxmoe", "fp32", "model.onnx", true)]
    [InlineData("onnx", "fp32", "model.onnx", false)]
    [InlineData("onnxruntime", "fp16", "model.onnxruntime-fp16.onnx", false)]
    public void TheConfigurationIsThatOfTheFile(string target, string precision, string file, bool kernels)
    {
        Export(new ExportOptions { Target = target, Precision = precision });
        DeployJob.Run(_folder.Path, file, [DeployTarget.Triton], TextWriter.Null);
        var model = ModelFile.Load(_folder[file]);
        var config = TritonConfig.Read(File.ReadAllText(_folder["deploy/triton/some/config.pbtxt"]));
        Assert.Equal(("some", "onnxruntime", file, "0"), (config.Text("name"), config.Text("backend"), config.Text("default_model_filename"), config.Text("max_batch_size")));
        Compare(model.Graph.Input, config.Messages("input"));
        Compare(model.Graph.Output, config.Messages("output"));
        var group = Assert.Single(config.Messages("instance_group"));
        Assert.Equal(("1", kernels ? "KIND_CPU" : "KIND_AUTO"), (group.Text("count"), group.Text("kind")));
        Assert.Equal(kernels ? ["/models/some/1/libonnxmoe.so"] : [], config.Messages("model_operations").Select(operations => operations.Text("op_library_filename")));
        Assert.Equal(kernels, File.Exists(_folder["deploy/triton/some/1/libonnxmoe.so"]));
        Assert.Contains("The client tokenizes, samples and stops.", File.ReadAllText(_folder["deploy/README.md"]), StringComparison.Ordinal);
        Assert.False(File.Exists(_folder["deploy/kubernetes.yaml"]));
    }

    [Fact]
    public void TheVersionHasTheModelWhichRunsWithTheKernelsBesideIt()
    {
        Export(new ExportOptions());
        DeployJob.Run(_folder.Path, "model.onnx", [DeployTarget.Triton], TextWriter.Null);
        foreach (var name in (string[])["model.onnx", "model.onnx.data"])
            Assert.Equal(File.ReadAllBytes(_folder[name]), File.ReadAllBytes(_folder[$"deploy/triton/some/1/{name}"]));
        Assert.Equal(["libonnxmoe.so", "model.onnx", "model.onnx.data"], Directory.GetFileSystemEntries(_folder["deploy/triton/some/1"]).Select(Path.GetFileName).Order(StringComparer.Ordinal));
        using var session = new OnnxSession(_folder["deploy/triton/some/1/model.onnx"], _folder["deploy/triton/some/1/libonnxmoe.so"]);
        Assert.Contains("logits", session.Outputs);
    }

    [Fact]
    public void ALaterExportDoesNotChangeWhatWasDeployedBeforeItIsDeployedAgain()
    {
        Export(new ExportOptions());
        DeployJob.Run(_folder.Path, "model.onnx", [DeployTarget.Triton], TextWriter.Null);
        var before = File.ReadAllBytes(_folder["deploy/triton/some/1/model.onnx.data"]);
        Export(new ExportOptions(), seed: 8);
        Assert.Equal(before, File.ReadAllBytes(_folder["deploy/triton/some/1/model.onnx.data"]));
        DeployJob.Run(_folder.Path, "model.onnx", [DeployTarget.Triton], TextWriter.Null);
        Assert.Equal(File.ReadAllBytes(_folder["model.onnx.data"]), File.ReadAllBytes(_folder["deploy/triton/some/1/model.onnx.data"]));
    }

    [Fact]
    public void InputsWithADefaultAreLeftOut()
    {
        var manifest = Some.Manifest() with { ActiveExperts = new(1, 6, 2, []), PreGate = new("router.onnx", 3) };
        new ExportJob(DialModel.LanguageModel(), manifest, Some.Tokens(12), new ExportOptions { Target = "onnx" }, TextWriter.Null).Run(_folder.Path, default);
        File.Copy(_folder["model.onnx"], _folder["router.onnx"]);
        DeployJob.Run(_folder.Path, "model.onnx", [DeployTarget.Triton], TextWriter.Null);
        var config = TritonConfig.Read(File.ReadAllText(_folder["deploy/triton/some/config.pbtxt"]));
        Assert.DoesNotContain("active_experts", config.Messages("input").Select(input => input.Text("name")));
        Assert.Contains("keep it: `active_experts`", File.ReadAllText(_folder["deploy/README.md"]), StringComparison.Ordinal);
    }

    private static void Compare(IEnumerable<ValueInfoProto> expected, IEnumerable<TritonConfig> found)
    {
        var types = new Dictionary<TensorProto.Types.DataType, string> { [TensorProto.Types.DataType.Float] = "TYPE_FP32", [TensorProto.Types.DataType.Int64] = "TYPE_INT64" };
        Assert.Equal(expected.Select(value => value.Name), found.Select(value => value.Text("name")));
        foreach (var (value, written) in expected.Zip(found))
        {
            var tensor = value.Type.TensorType;
            Assert.Equal(types[(TensorProto.Types.DataType)tensor.ElemType], written.Text("data_type"));
            Assert.Equal(tensor.Shape.Dim.Select(size => size.DimParam.Length > 0 ? -1 : size.DimValue), written.Numbers("dims"));
        }
    }

    private void Export(ExportOptions options, long seed = 7) =>
        new ExportJob(Some.Model(seed: seed), Some.Manifest(), Some.Tokens(12), options, TextWriter.Null).Run(_folder.Path, default);
}
