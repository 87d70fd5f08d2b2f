using OnnxMoe.Artifacts.Tensors;
using OnnxMoe.Exporter.Tests.Support;
using OnnxMoe.Exporter.Verification;
using OnnxMoe.Search.Spaces;
using OnnxMoe.Trainer.Backbones;
using OnnxMoe.Trainer.Quantization;
using static TorchSharp.torch;

namespace OnnxMoe.Exporter.Tests;

/// <summary>A language model whose blocks have 2, 3 and 4 bits, its adapters merged into zero points, as a file (arXiv 2405.20202).</summary>
public class QuantizedLmExportTests
{
    private const int Vocabulary = 40;

    private static DecoderLm Extracted(ModelOptions options)
    {
        var space = new SearchSpace("bits", [new("bits", 3, ["2", "3", "4"])]);
        var supernet = new BitSupernet(options, space, Vocabulary, 1);
        supernet.Start(new DecoderLm(options, Vocabulary, 2), products: null);
        using var noGrad = no_grad();
        foreach (var weight in supernet.Lm.Weights.Where(weight => weight.Name.EndsWith("adapter.up", StringComparison.Ordinal)))
            weight.Parameter.fill_(0.03);
        return (DecoderLm)supernet.Extract(space.Of(1, 0, 2));
    }

    private static ModelOptions Options(int width) => new()
    {
        Layers = 3,
        FirstDenseLayers = 3,
        HiddenSize = width,
        Heads = 2,
        DenseHidden = width * 2,
        ContextLength = 32,
        InitialDeviation = 0.2,
        Quantization = { Group = 32 },
    };

    [Theory]
    [InlineData(ExportTarget.Onnx)]
    [InlineData(ExportTarget.OnnxMoe)]
    [InlineData(ExportTarget.OnnxRuntime)]
    public void TheFileAnswersAsTheModel(ExportTarget target)
    {
        var model = Extracted(Options(64));
        using var exported = new Exported(model, target);
        using var session = exported.Open();
        foreach (var check in new CausalLmChecks(model, [.. Enumerable.Range(0, 24).Select(i => i * 7L % Vocabulary)]).Run(session, "", ModelExporter.AllowsLeftPadding(exported.Model), default))
            Assert.True(check.MaxRelative < 1e-4, $"{check}");
    }

    [Fact]
    public void CodesAreStoredWithoutGapsAndNothingElseOfTheMatrices()
    {
        var model = Extracted(Options(256));
        using var exported = new Exported(model);
        int[] bits = [3, 2, 4];
        (int In, int Out)[] matrices = [(256, 3 * 256), (256, 256), (256, 512), (512, 256), (256, 512)];
        var packed = bits.Sum(b => matrices.Sum(matrix => ((long)b * matrix.In * matrix.Out / 8) + (8L * (matrix.In / 32) * matrix.Out)));
        var stored = exported.Model.Initializers.Where(initializer => initializer.Name.StartsWith("layers.", StringComparison.Ordinal) && initializer.Shape.Length == 2).ToArray();
        Assert.All(stored, initializer => Assert.True(initializer.Type == ElementType.UInt8 || initializer.Shape[0] <= 512 / 32));
        Assert.Equal(packed, stored.Sum(initializer => initializer.Load().Data.LongLength));
        // Embedding, head and norms are floating-point numbers.
        var rest = sizeof(float) * ((2L * Vocabulary * 256) + (7 * 256) + (2 * 32 * 64));
        // Nodes take a fixed number of bytes, which 1 % of a larger model would be.
        Assert.InRange(exported.Model.FileSize - (packed + rest), 0, 60_000);
    }
}
