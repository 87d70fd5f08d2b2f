using OnnxMoe.Exporter.Tests.Support;
using OnnxMoe.Exporter.Verification;
using OnnxMoe.Search.Spaces;
using OnnxMoe.Trainer.Backbones;
using OnnxMoe.Trainer.Supernets;

namespace OnnxMoe.Exporter.Tests;

/// <summary>Subnetworks of transformers, of other sizes in each block, in ONNX Runtime.</summary>
public class TransformerExportTests
{
    private const int Vocabulary = 23;

    public static TheoryData<string, string, ExportTarget> Cases()
    {
        var cases = new TheoryData<string, string, ExportTarget>();
        foreach (var target in new[] { ExportTarget.OnnxMoe, ExportTarget.OnnxRuntime })
        {
            cases.Add(ModelOptions.Decoder, "none", target);
            cases.Add(ModelOptions.MaskedLm, "layer", target);
            cases.Add(ModelOptions.EncoderDecoder, "neuron", target);
        }
        return cases;
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void ASubnetworkGivesWhatTheModelGives(string backbone, string mixture, ExportTarget target)
    {
        var supernet = Supernet(backbone, mixture);
        var random = new Random(2);
        foreach (var architecture in new[] { supernet.Space.Random(random), supernet.Space.Random(random) })
        {
            var model = (TransformerModel)supernet.Extract(architecture);
            using var exported = new Exported(model, target);
            using var session = exported.Open();
            ModelCheck check = model is DecoderLm ? new CausalLmChecks(model, [.. Enumerable.Range(0, 12).Select(i => (long)(i * 7 % Vocabulary))])
                : new AllOutputsCheck(model, HeldOutTokens.Load("", model, new("onnxmoe/1", "some", backbone, DateTimeOffset.UnixEpoch, new(1, 1)), TextWriter.Null));
            var results = check.Run(session, "", ModelExporter.AllowsLeftPadding(exported.Model), default).ToArray();
            Assert.NotEmpty(results);
            Assert.All(results, result => Assert.True(result.MaxRelative < 2e-5, $"{architecture}: {result}"));
        }
    }

    private static TransformerSupernet Supernet(string backbone, string mixture)
    {
        var options = new ModelOptions { Backbone = backbone, Layers = 2, FirstDenseLayers = 2, HiddenSize = 24, Heads = 3, HeadSize = 16, DenseHidden = 20, ContextLength = 24, InitialDeviation = 0.2, FfnBias = true };
        List<GeneGroup> genes = [new("width", 1, ["16", "24"]), new("heads", 2, ["1", "2", "3"]), new("hidden", 2, ["12", "20"])];
        if (backbone == ModelOptions.EncoderDecoder)
            genes.AddRange([new("target-width", 1, ["16", "32"]), new("target-depth", 1, ["1", "2"]), new("target-heads", 2, ["1", "2"], "target-depth"), new("target-cross", 2, ["1", "3"], "target-depth")]);
        var settings = new SupernetOptions { Mixture = { Experts = mixture == "none" ? 1 : 2, Variant = mixture == "none" ? "layer" : mixture, RouterHidden = 8 } };
        return new TransformerSupernet(options, settings, new SearchSpace("toy", genes), Vocabulary, seed: 4);
    }
}
