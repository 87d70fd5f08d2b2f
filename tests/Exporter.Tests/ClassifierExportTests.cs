using System.Text.Json;
using System.Text.Json.Nodes;
using OnnxMoe.Artifacts;
using OnnxMoe.Artifacts.Manifests;
using OnnxMoe.Exporter.Tests.Support;
using OnnxMoe.Exporter.Verification;
using OnnxMoe.Trainer.Backbones;
using OnnxMoe.Trainer.Training;

namespace OnnxMoe.Exporter.Tests;

public sealed class ClassifierExportTests : IDisposable
{
    private static readonly ClassifierSizes Sizes = new(4, 16, 10);
    private readonly TemporaryFolder _folder = new();
    private readonly StringWriter _log = new();

    public void Dispose() => _folder.Dispose();

    public static TheoryData<string, int, int> Forms => new()
    {
        { "patches", 1, 0 },
        { "patches", 2, 3 },
        { "topk", 1, 0 },
    };

    /// <summary>Selected experts are equal and all else is near, for one sequence and many, padded ones among them.</summary>
    [Theory]
    [MemberData(nameof(Forms))]
    public void EveryOutputIsTheModels(string selection, int patch, int perSequence)
    {
        var model = new EncoderClassifier(Options(selection, patch, perSequence), Sizes, 3);
        var inputs = HeldOutSequences.Load(model, Manifest(Options(selection, patch, perSequence)), _log);
        foreach (var target in new[] { ExportTarget.OnnxMoe, ExportTarget.OnnxRuntime })
        {
            using var exported = new Exported(model, target);
            foreach (var kernels in target == ExportTarget.OnnxMoe ? new[] { false, true } : [false])
            {
                using var session = exported.Open(kernels);
                foreach (var check in new AllOutputsCheck(model, inputs).Run(session, "", leftPadding: false, default))
                    Assert.True(check.MaxRelative < 1e-4, $"{check} for {target}");
            }
        }
    }

    /// <summary>Adding needs no newer operator set: ScatterND and ScatterElements add since 16, only minimum and maximum came with 18.</summary>
    [Fact]
    public void OutputsAreMergedByTheOperatorSetOfTheFile()
    {
        using var exported = new Exported(new EncoderClassifier(Options("patches", 1, 0), Sizes, 3));
        Assert.Equal(17, exported.Model.Proto.OpsetImport.Single(import => import.Domain.Length == 0).Version);
        var merges = exported.Model.Proto.Graph.Node.Where(node => node.OpType == "ScatterND").ToArray();
        Assert.Equal(2, merges.Length);
        Assert.All(merges, node => Assert.Equal("add", node.Attribute.Single(attribute => attribute.Name == "reduction").S.ToStringUtf8()));
    }

    [Fact]
    public void ATrainedClassifierGetsItsFiles()
    {
        var options = Options("patches", 1, 0);
        WeightFile.Save(_folder["weights.safetensors"], new EncoderClassifier(options, Sizes, 3).Weights);
        Manifest(options).WithFiles(_folder.Path, "weights.safetensors").Save(_folder.Path);
        ExportRun.Execute(_folder.Path, new ExportOptions { Target = "onnx" }, _log, default);

        var manifest = ModelManifest.Load(_folder.Path);
        manifest.Verify(_folder.Path);
        Assert.Equal(["batch-12", "batch-1", "alone-as-in-batch"], manifest.Exports.Single().Checks.Select(check => check.Name));
        Assert.Contains("random ones are compared on", _log.ToString(), StringComparison.Ordinal);
        Assert.Contains("reads no text", Assert.Throws<UserError>(() => ExportRun.Execute(_folder.Path, new ExportOptions { Text = "some.txt" }, _log, default)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void AnExpertThatDiffersDoesNotPass()
    {
        var difference = new OutputDifference("ids");
        difference.Add(Some.Tensor<long>([1, 2, -1], 3), Some.Tensor<long>([1, 2, 0], 3));
        Assert.Equal(double.MaxValue, difference.ToCheck().MaxRelative);
    }

    private static ModelManifest Manifest(ModelOptions options) =>
        new(ModelManifest.CurrentFormat, "some", ModelManifest.SequenceClassifier, DateTimeOffset.UnixEpoch, new ParameterCount(1, 1))
        {
            Classifier = Sizes,
            Recipe = new JsonObject { ["Model"] = JsonSerializer.SerializeToNode(options), ["Data"] = new JsonObject { ["Source"] = "digits", ["Folder"] = "/nowhere" } },
        };

    private static ModelOptions Options(string selection, int patch, int perSequence)
    {
        var options = new ModelOptions
        {
            Backbone = "encoder",
            Layers = 2,
            HiddenSize = 32,
            Heads = 4,
            ContextLength = 16,
            Experts = 4,
            ExpertsPerToken = 2,
            ExpertHidden = 12,
            SharedExperts = 0,
            FfnBias = true,
            InitialDeviation = 0.2,
            HeadRouting = new() { HeadsPerToken = 2, HeadsPerSequence = perSequence },
            Router = new() { Selection = selection, WeightRule = "sum" },
        };
        (options.Router.Patches.Size, options.Router.Patches.ExpertsPerSequence) = (patch, perSequence);
        options.Check();
        return options;
    }
}
