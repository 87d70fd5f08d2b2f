using OnnxMoe.Artifacts;
using OnnxMoe.Exporter.Tests.Support;

namespace OnnxMoe.Exporter.Tests;

public sealed class ExportJobTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();
    private readonly StringWriter _log = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void AllTargetsAreWrittenCheckedAndRecorded()
    {
        var manifest = Run(new ExportOptions { Target = "onnxmoe, onnx, onnxruntime" });
        Assert.Equal(["onnxmoe", "onnx", "onnxruntime"], manifest.Exports.Select(export => export.Target));
        Assert.Equal(["model.onnx", "model.onnx", "model.onnxruntime.onnx"], manifest.Exports.Select(export => export.File));
        Assert.Equal(["prefill/kernels", "decode/kernels", "batch-left-padded/kernels", "prefill/functions", "decode/functions", "batch-left-padded/functions"],
            manifest.Exports[0].Checks.Select(check => check.Name));
        Assert.Equal(["prefill", "decode", "batch"], manifest.Exports[2].Checks.Select(check => check.Name));
        Assert.All(manifest.Exports.SelectMany(export => export.Checks), check => Assert.InRange(check.MaxRelative, 0, 1e-4));
        Assert.Equal(manifest.Exports, ModelManifest.Load(_folder.Path).Exports, (a, b) => a.File == b.File && a.Checks.SequenceEqual(b.Checks));
        Assert.Equal(["manifest.json", "model.onnx", "model.onnx.data", "model.onnxruntime.onnx", "model.onnxruntime.onnx.data"], Files());
        manifest.Verify(_folder.Path);

        var more = new ExportJob(Some.Model(), manifest, Some.Tokens(12), new ExportOptions { Target = "onnx", Precision = "fp16" }, _log).Run(_folder.Path, default);
        Assert.Equal(4, more.Exports.Count);
        Assert.Contains("model.onnxmoe-fp16.onnx", more.Files.Keys);
    }

    [Fact]
    public void WhatCallersDecideIsComparedToo()
    {
        var manifest = Some.Manifest() with { ActiveExperts = new(1, 6, 2, []), PreGate = new("router.onnx", 3) };
        var exported = new ExportJob(DialModel.LanguageModel(), manifest, Some.Tokens(12), new ExportOptions { Target = "onnx" }, _log).Run(_folder.Path, default);
        Assert.Equal(["prefill", "decode", "batch-left-padded", "prefill/k=1", "decode/k=1", "batch-left-padded/k=1", "prefill/k=6", "decode/k=6", "batch-left-padded/k=6"],
            exported.Exports[0].Checks.Select(check => check.Name));
        Assert.All(exported.Exports[0].Checks, check => Assert.InRange(check.MaxRelative, 0, 1e-5));
    }

    [Fact]
    public void AnotherThresholdIsComparedToo()
    {
        var model = Some.Model(o => (o.SharedExperts, o.Router.Selection) = (0, "topp"));
        var exported = new ExportJob(model, Some.Manifest() with { RouterThreshold = new(0.4) }, Some.Tokens(12), new ExportOptions { Target = "onnx" }, _log).Run(_folder.Path, default);
        Assert.Equal(["prefill", "decode", "batch-left-padded", "prefill/p=1.1", "decode/p=1.1", "batch-left-padded/p=1.1"], exported.Exports[0].Checks.Select(check => check.Name));
        Assert.All(exported.Exports[0].Checks, check => Assert.InRange(check.MaxRelative, 0, 1e-5));
    }

    [Fact]
    public void AnExportBeyondTheToleranceLeavesTheOldFilesAsTheyWere()
    {
        Run(new ExportOptions { Target = "onnx" });
        var before = Files().ToDictionary(name => name, name => File.ReadAllBytes(_folder[name]));
        var error = Assert.Throws<UserError>(() => Run(new ExportOptions { Target = "onnx,onnxruntime", Tolerance = 1e-12 }, seed: 8));
        Assert.Contains("Export:Tolerance", error.Message, StringComparison.Ordinal);
        Assert.Equal(before.Keys, Directory.EnumerateFileSystemEntries(_folder.Path).Select(Path.GetFileName).Order(StringComparer.Ordinal));
        Assert.All(before, file => Assert.Equal(file.Value, File.ReadAllBytes(_folder[file.Key])));
    }

    [Fact]
    public void AModelWithoutNumbersIsNotPublished()
    {
        var model = Some.Model();
        using (TorchSharp.torch.no_grad())
            model.Weights[0].Parameter.fill_(float.NaN);
        Assert.Throws<UserError>(() => new ExportJob(model, Some.Manifest(), Some.Tokens(12), new ExportOptions { Target = "onnx" }, _log).Run(_folder.Path, default));
        Assert.Empty(Directory.EnumerateFileSystemEntries(_folder.Path));
    }

    [Fact]
    public void ACancelledExportLeavesNothing()
    {
        using var cancelled = new CancellationTokenSource();
        cancelled.Cancel();
        Assert.Throws<OperationCanceledException>(() =>
            new ExportJob(Some.Model(), Some.Manifest(), Some.Tokens(12), new ExportOptions { Target = "onnx" }, _log).Run(_folder.Path, cancelled.Token));
        Assert.Empty(Directory.EnumerateFileSystemEntries(_folder.Path));
    }

    [Theory]
    [InlineData("tensorrt", "'tensorrt'")]
    [InlineData("", "empty")]
    [InlineData("1", "'1'")]
    public void AnUnknownTargetIsAClearError(string target, string message) =>
        Assert.Contains(message, Assert.Throws<UserError>(() => new ExportOptions { Target = target }.Targets()).Message, StringComparison.Ordinal);

    private ModelManifest Run(ExportOptions options, long seed = 7) =>
        new ExportJob(Some.Model(seed: seed), Some.Manifest(), Some.Tokens(16), options, _log).Run(_folder.Path, default);

    private string[] Files() => [.. Directory.GetFiles(_folder.Path).Select(file => Path.GetFileName(file)!).Order(StringComparer.Ordinal)];
}
