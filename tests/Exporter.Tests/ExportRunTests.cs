using System.Text.Json;
using System.Text.Json.Nodes;
using OnnxMoe.Artifacts;
using OnnxMoe.Exporter.Tests.Support;
using OnnxMoe.Trainer.Backbones;
using OnnxMoe.Trainer.Training;

namespace OnnxMoe.Exporter.Tests;

public sealed class ExportRunTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();
    private readonly StringWriter _log = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void ATrainedModelGetsItsFiles()
    {
        Train();
        ExportRun.Execute(_folder.Path, new ExportOptions { Target = "onnx", VerificationTokens = 12 }, _log, default);
        Assert.True(File.Exists(_folder["model.onnx"]) && File.Exists(_folder["weights.safetensors"]));
        Assert.Contains(_folder["model.onnx"], _log.ToString(), StringComparison.Ordinal);
        Assert.Contains("built-in passage", _log.ToString(), StringComparison.Ordinal);
        ModelManifest.Load(_folder.Path).Verify(_folder.Path);
    }

    [Fact]
    public void TheTextToCompareOnCanBeNamed()
    {
        Train();
        File.WriteAllText(_folder["text.txt"], "ab");
        var options = new ExportOptions { Target = "onnx", Text = _folder["text.txt"] };
        Assert.Contains("has 3 tokens", Assert.Throws<UserError>(() => ExportRun.Execute(_folder.Path, options, _log, default)).Message, StringComparison.Ordinal);
        options.Text = _folder["none.txt"];
        Assert.Contains("none.txt", Assert.Throws<UserError>(() => ExportRun.Execute(_folder.Path, options, _log, default)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void DamagedWeightsAreAClearErrorAndNothingIsWritten()
    {
        Train();
        using (var file = new FileStream(_folder["weights.safetensors"], FileMode.Open))
            file.SetLength(file.Length - 1);
        var error = Assert.Throws<UserError>(() => ExportRun.Execute(_folder.Path, new ExportOptions { Target = "onnx" }, _log, default));
        Assert.Contains("weights.safetensors", error.Message, StringComparison.Ordinal);
        Assert.False(File.Exists(_folder["model.onnx"]));
    }

    /// <summary>Leaves what training leaves: random weights of a byte-level model and its manifest.</summary>
    private void Train()
    {
        var options = Some.Options();
        var model = new DecoderLm(options, 257, 3);
        WeightFile.Save(_folder["weights.safetensors"], model.Weights);
        var manifest = Some.Manifest();
        manifest = manifest with
        {
            LanguageModel = manifest.LanguageModel! with { VocabularySize = 257, EndOfText = 256 },
            Recipe = new JsonObject { ["Model"] = JsonSerializer.SerializeToNode(options) },
        };
        manifest.WithFiles(_folder.Path, "weights.safetensors").Save(_folder.Path);
    }
}
