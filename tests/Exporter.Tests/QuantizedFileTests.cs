using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using OnnxMoe.Artifacts;
using OnnxMoe.Artifacts.Manifests;
using OnnxMoe.Artifacts.Tensors;
using OnnxMoe.Exporter.Tests.Support;
using OnnxMoe.Exporter.Verification;
using OnnxMoe.Trainer.Backbones;
using OnnxMoe.Trainer.Training;

namespace OnnxMoe.Exporter.Tests;

/// <summary>Files whose matrices are stored as 8 or 4 bit codes: what is stored, how, and what is said about it.</summary>
public sealed class QuantizedFileTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();
    private readonly StringWriter _log = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData(WeightPrecision.Int8, ElementType.Int8)]
    [InlineData(WeightPrecision.Int4, ElementType.UInt8)]
    public void MatricesOfProductsAreCodesAndAllElseIsFloat(WeightPrecision precision, ElementType codes)
    {
        using var exported = new Exported(Some.Model(options => options.FirstDenseLayers = 1), ExportTarget.OnnxMoe, precision);
        var stored = exported.Model.Initializers.ToDictionary(initializer => initializer.Name);
        var word = precision.ToString().ToLowerInvariant();
        foreach (var matrix in new[] { "layers.0.attention.qkv", "layers.0.attention.output", "layers.1.moe.experts.up", "layers.1.moe.experts.gate", "layers.1.moe.experts.down", "head" })
        {
            Assert.Equal(codes, stored[$"{matrix}.{word}"].Type);
            Assert.Equal(ElementType.Float, stored[$"{matrix}.scales"].Type);
            Assert.DoesNotContain(matrix, stored.Keys);
        }
        Assert.All(["embedding", "layers.1.moe.router.weight", "layers.0.attention_norm.weight"], name => Assert.Equal(ElementType.Float, stored[name].Type));
        // What the model computes with in float32 is what it was trained with.
        Assert.All(stored.Values.Where(initializer => initializer.Name.EndsWith(".scales", StringComparison.Ordinal)),
            scales => Assert.All(scales.Load().AsSpan<float>().ToArray(), scale => Assert.Equal(scale, (float)(Half)scale)));
    }

    /// <summary>An output head that is the embedding: the rows that tokens are looked up in stay as they are.</summary>
    [Fact]
    public void ATiedHeadIsStoredAsCodesBesideItsEmbedding()
    {
        var model = Some.Model(options => options.TiedHead = true);
        using var exported = new Exported(model, ExportTarget.OnnxMoe, WeightPrecision.Int4);
        var stored = exported.Model.Initializers.ToDictionary(initializer => initializer.Name);
        Assert.Equal([Some.Vocabulary, 64L], stored["embedding"].Shape);
        Assert.Equal([32L, Some.Vocabulary], stored["embedding.transpose.int4"].Shape);
        using var rounded = new RoundedWeights(exported.Model);
        var inputs = CausalLmStep.Inputs(model, [Some.Tokens(9)]);
        using var session = exported.Open();
        Near.Equal(TorchRunner.Run(model, inputs, rounded)["logits"], session.Run(inputs, ["logits"])["logits"]);
    }

    [Theory]
    [InlineData(WeightPrecision.Int8, 64)]
    [InlineData(WeightPrecision.Int4, 64)]
    [InlineData(WeightPrecision.Int4, 48)] // QMoE takes no such depth: the function stays
    public void OnnxRuntimesOwnOperatorsComputeTheSame(WeightPrecision precision, int hidden)
    {
        foreach (var biases in new[] { false, true })
        {
            var model = Some.Model(options => (options.ExpertHidden, options.FfnBias) = (hidden, biases));
            using var exported = new Exported(model, ExportTarget.OnnxRuntime, precision);
            var operators = exported.Operators.ToArray();
            Assert.Equal(2, operators.Count(op => op == (hidden == 64 ? "com.microsoft.QMoE" : "onnxmoe.QuantizedGroupedFfn")));
            Assert.Contains("com.microsoft.MatMulNBits", operators);
            using var rounded = new RoundedWeights(exported.Model);
            using var session = exported.Open();
            foreach (var check in new CausalLmChecks(model, Some.Tokens(24)).Run(session, "", ModelExporter.AllowsLeftPadding(exported.Model), default, rounded))
                Assert.True(check.MaxRelative < 2e-5, $"{check}, biases {biases}");
        }
    }

    [Theory]
    [InlineData("int8")]
    [InlineData("int4")]
    public void TheLossIsStatedInLogAndManifest(string precision)
    {
        var model = Some.Model();
        var text = Some.Tokens(200);
        var manifest = new ExportJob(model, Some.Manifest(), text[..16], new ExportOptions { Target = "onnxmoe,onnxruntime", Precision = precision }, _log)
        {
            Quality = HeldOutQuality.OfText(model, text, 64),
        }.Run(_folder.Path, default);
        manifest.Verify(_folder.Path);
        Assert.Equal([$"model.onnxmoe-{precision}.onnx", $"model.onnxruntime-{precision}.onnx"], manifest.Exports.Select(export => export.File).Order(StringComparer.Ordinal));
        foreach (var export in ModelManifest.Load(_folder.Path).Exports)
        {
            Assert.Equal((precision, 32), (export.Precision, export.BlockSize));
            Assert.All(export.Checks, check => Assert.Equal(check.Name.EndsWith("/kernels", StringComparison.Ordinal), check.MeanRelative is not null));
            var quality = export.Quality!;
            Assert.Equal((HeldOutQuality.Perplexity, 196), (quality.Metric, quality.Count)); // windows of 64: 63 + 63 + 63 + 7
            Assert.Equal(Perplexity(model, text), quality.Model, 1e-4);
            Assert.InRange(quality.File / quality.Model, 0.9, 1.1);
            Assert.NotEqual(quality.Model, quality.File);
            Assert.Contains(string.Create(CultureInfo.InvariantCulture, $"perplexity on held-out data: {quality.Model:G4} -> {quality.File:G4} ("), _log.ToString(), StringComparison.Ordinal);
        }
    }

    [Fact]
    public void FullPrecisionHasNoLossToState()
    {
        var export = new ExportJob(Some.Model(), Some.Manifest(), Some.Tokens(16), new ExportOptions { Target = "onnx" }, _log).Run(_folder.Path, default).Exports.Single();
        Assert.Null(export.Quality);
        Assert.Null(export.BlockSize);
    }

    [Fact]
    public void WithoutDataTheDifferenceIsStated()
    {
        var sizes = new ClassifierSizes(40, 16, 10);
        var options = new ModelOptions { Backbone = "encoder", Layers = 2, HiddenSize = 64, Heads = 4, Experts = 4, ExpertsPerToken = 2, ExpertHidden = 48, SharedExperts = 0, ContextLength = 16, InitialDeviation = 0.2 };
        var model = new EncoderClassifier(options, sizes, 3);
        WeightFile.Save(_folder["weights.safetensors"], model.Weights);
        new ModelManifest(ModelManifest.CurrentFormat, "some", ModelManifest.SequenceClassifier, DateTimeOffset.UnixEpoch, new ParameterCount(1, 1))
        {
            Classifier = sizes,
            Recipe = new() { ["Model"] = JsonSerializer.SerializeToNode(options), ["Data"] = new JsonObject { ["Source"] = "digits", ["Folder"] = "/nowhere" } },
        }.WithFiles(_folder.Path, "weights.safetensors").Save(_folder.Path);
        ExportRun.Execute(_folder.Path, new ExportOptions { Target = "onnx", Precision = "int8" }, _log, default);
        var quality = ModelManifest.Load(_folder.Path).Exports.Single().Quality!;
        Assert.Equal("difference", quality.Metric);
        Assert.InRange(quality.File, 1e-6, 0.1);
        Assert.Contains("of the float32 model's", _log.ToString(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("int2")]
    [InlineData("")]
    [InlineData("Int8")]
    public void AnUnknownPrecisionIsAClearError(string precision) =>
        Assert.Equal($"Export:Precision is '{precision}', but can only be fp32, fp16, int8 or int4.",
            Assert.Throws<UserError>(() => new ExportOptions { Precision = precision }.Weights()).Message);

    /// <summary>A kernel that rounds too much is not published.</summary>
    [Fact]
    public void TheToleranceOfRoundingHolds()
    {
        var error = Assert.Throws<UserError>(() => new ExportJob(Some.Model(), Some.Manifest(), Some.Tokens(16), new ExportOptions { Precision = "int8", RoundingTolerance = 1e-12 }, _log).Run(_folder.Path, default));
        Assert.Contains("Export:RoundingTolerance is 1E-12", error.Message, StringComparison.Ordinal);
        Assert.Empty(Directory.EnumerateFileSystemEntries(_folder.Path));
    }

    /// <summary>From single logits of the model.</summary>
    [Fact]
    public void AModelWithoutAMatrixForCodesIsRefused()
    {
        var model = Some.Model(o => (o.HiddenSize, o.Heads, o.KvHeads, o.FirstDenseLayers) = (16, 1, 1, o.Layers)); // no experts
        var job = new ExportJob(model, Some.Manifest(), Some.Tokens(12), new ExportOptions { Target = "onnx", Precision = "int8" }, TextWriter.Null);
        Assert.Contains("has no matrix that int8 could store", Assert.Throws<UserError>(() => job.Run(_folder.Path, default)).Message);
        Assert.Empty(Directory.GetFiles(_folder.Path));
    }

    private static double Perplexity(DecoderLm model, long[] text)
    {
        var (loss, count) = (0.0, 0);
        foreach (var window in text.Chunk(64))
        {
            for (var end = 1; end < window.Length; end++)
            {
                var logits = TorchRunner.Run(model, CausalLmStep.Inputs(model, [window[..end]]))["logits"].AsSpan<float>()[^Some.Vocabulary..].ToArray();
                loss += Math.Log(logits.Sum(logit => Math.Exp(logit))) - logits[window[end]];
                count++;
            }
        }
        return Math.Exp(loss / count);
    }
}
