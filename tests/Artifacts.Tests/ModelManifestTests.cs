using OnnxMoe.Artifacts.Manifests;
using OnnxMoe.Artifacts.Tests.Support;

namespace OnnxMoe.Artifacts.Tests;

public sealed class ModelManifestTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void WhatWasSavedIsLoaded()
    {
        var manifest = Some() with
        {
            Training = new() { ["validationLoss"] = 3.25 },
            Exports = [new("onnx", "fp32", "model.onnx.onnx", [new("prefill", 1e-5, 1e-6)])],
        };
        manifest.Save(_folder.Path);
        var loaded = ModelManifest.Load(_folder.Path);
        Assert.Equal(JsonFile.ToText(manifest), JsonFile.ToText(loaded));
        Assert.Equal(manifest.LanguageModel, loaded.LanguageModel);
        Assert.Contains("\"expertsPerToken\": 2", File.ReadAllText(_folder["manifest.json"]));
    }

    [Theory]
    [InlineData("\"layers\": 2", "\"layers\": \"two\"", "'languageModel.layers' should be a whole number.")]
    [InlineData("\"experts\": 8,", "", ": 'moeLayers[0]' lacks the field(s) 'experts'.")]
    [InlineData("\"format\": \"onnxmoe/1\"", "\"format\": \"onnxmoe/9\"", " has the format 'onnxmoe/9', but this program reads 'onnxmoe/1'.")]
    [InlineData("\"format\"", "\"form\"", " has the format '(none)', but this program reads 'onnxmoe/1'.")]
    [InlineData("\"kvHeads\": 2", "\"kvHeads\": 3", ": 'languageModel.kvHeads' 3 does not divide 'heads' 4.")]
    [InlineData("\"name\": \"tiny\"", "\"name\": null", ": 'name' may not be null.")]
    [InlineData("\"parameters\"", "\"parametres\"", " lacks the field(s) 'parameters'.")]
    [InlineData("\"kind\":", "\"kind\"", ", line 4: this is not valid JSON")]
    [InlineData("\"least\": 1", "\"least\": 9", ": 'activeExperts' offers 9 to 8.")]
    [InlineData("\"default\": 4", "\"default\": 9", ": 'activeExperts.default' must be between 1 and 8, not 9.")]
    [InlineData("\"default\": 4", "\"default\": 3", ": 'activeExperts.default' must be one of 2, 4, not 3.")]
    [InlineData("\"k\": 2", "\"k\": 5", ": 'activeExperts.measured' is not ascending in 'k'.")]
    [InlineData("\"k\": 4", "\"k\": 9", ": 'activeExperts.measured' has a 'k' outside of 'least' to 'most'.")]
    public void AWrongFieldIsNamed(string right, string wrong, string message)
    {
        Some().Save(_folder.Path);
        var text = File.ReadAllText(_folder["manifest.json"]);
        Assert.Contains(right, text);
        File.WriteAllText(_folder["manifest.json"], text.Replace(right, wrong));
        var error = Assert.Throws<UserError>(() => ModelManifest.Load(_folder.Path));
        Assert.StartsWith(_folder["manifest.json"], error.Message);
        Assert.True(error.Message.Contains(message), $"{error.Message} {error.InnerException?.Message}");
    }

    [Fact]
    public void AFolderWithoutAManifestIsNotAModel()
    {
        var error = Assert.Throws<UserError>(() => ModelManifest.Load(_folder.Path));
        Assert.Equal($"{_folder.Path} is not a model folder: it has no manifest.json (train one with 'onnxmoe train').", error.Message);
    }

    [Fact]
    public void ATruncatedOrChangedOrMissingFileIsNamed()
    {
        File.WriteAllText(_folder["model.onnx"], "abc");
        var manifest = Some().WithFiles(_folder.Path, "model.onnx");
        Assert.Equal("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad", manifest.Files["model.onnx"]);
        manifest.Verify(_folder.Path);
        manifest.Verify(_folder.Path, "model.onnx");
        File.WriteAllText(_folder["model.onnx"], "ab");
        var error = Assert.Throws<UserError>(() => manifest.Verify(_folder.Path));
        Assert.StartsWith($"{_folder["model.onnx"]} was truncated or changed after it was written: expected SHA-256 ba7816bf", error.Message);
        Assert.EndsWith("(2 bytes).", error.Message);
        File.Delete(_folder["model.onnx"]);
        Assert.Contains("model.onnx is missing", Assert.Throws<UserError>(() => manifest.Verify(_folder.Path)).Message);
        Assert.Contains("lists no checksum for trace.bin", Assert.Throws<UserError>(() => manifest.Verify(_folder.Path, "trace.bin")).Message);
    }

    private static ModelManifest Some() => new(ModelManifest.CurrentFormat, "tiny", ModelManifest.CausalLanguageModel, new(2026, 1, 31, 12, 0, 0, default), new(1000, 500))
    {
        Recipe = new() { ["Seed"] = 1 },
        LanguageModel = new(512, 128, 2, 64, 4, 2, 16, "tokenizer.json", 256),
        MoeLayers = [new(0, 8, 2, 32, true, 64, 24576, 12288)],
        ActiveExperts = new(1, 8, 4, [new(2, 3.5, 1e6), new(4, 3.25, 2e6)]),
    };
}
