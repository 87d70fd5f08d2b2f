using OnnxMoe.Artifacts;
using OnnxMoe.Serving.Tests.Support;

namespace OnnxMoe.Serving.Tests;

/// <summary>Drills: damaged model folders and impossible settings, each refused with one sentence before the server listens.</summary>
public sealed class ModelFolderTests
{
    private static async Task<string> RefusalOf(Action<string> damage, Action<ServeOptions>? set = null)
    {
        var refusal = await Assert.ThrowsAsync<UserError>(async () =>
        {
            await using var served = await Served.StartAsync(folder =>
            {
                TinyModel.WriteRandom(folder);
                damage(folder);
            }, set);
        });
        Assert.DoesNotContain('\n', refusal.Message);
        return refusal.Message;
    }

    private static string Model(string folder) => Path.Combine(folder, "model.onnx");

    private static void Truncate(string path)
    {
        using var file = File.OpenWrite(path);
        file.SetLength(file.Length / 2);
    }

    [Fact]
    public async Task ATruncatedModelIsNamed() =>
        Assert.Contains("model.onnx was truncated or changed after it was written", await RefusalOf(folder => Truncate(Model(folder))));

    [Fact]
    public async Task AWrongChecksumIsNamed() =>
        Assert.Contains("expected SHA-256 " + new string('0', 64), await RefusalOf(folder =>
        {
            var manifest = ModelManifest.Load(folder);
            (manifest with { Files = new Dictionary<string, string> { ["model.onnx"] = new('0', 64) } }).Save(folder);
        }));

    [Fact]
    public async Task ATruncatedModelWithoutAManifestIsNamed() =>
        Assert.Contains("model.onnx cannot be loaded; it may be truncated", await RefusalOf(folder =>
        {
            File.Delete(Path.Combine(folder, ModelManifest.FileName));
            Truncate(Model(folder));
        }));

    [Fact]
    public async Task AMissingModelIsNamed() =>
        Assert.Contains("model.onnx is missing", await RefusalOf(folder => File.Delete(Model(folder))));

    [Theory]
    [InlineData("logits", "has no output 'logits'")]
    [InlineData("attention_mask", "has no input 'attention_mask'")]
    [InlineData("present.0.value", "has the cache 'past_key_values.0.value', but no output 'present.0.value'")]
    public async Task AnOnnxFileThatIsNoLanguageModelIsNamed(string renamed, string says) =>
        Assert.Contains(says, await RefusalOf(folder =>
        {
            OnnxGraph.Rename(Model(folder), renamed, "other");
            ModelManifest.Load(folder).WithFiles(folder, "model.onnx").Save(folder);
        }));

    [Fact]
    public async Task AnInputThatNobodyFillsIsNamed() =>
        Assert.Contains("has the input 'mood', which serving cannot give it", await RefusalOf(folder =>
        {
            OnnxGraph.AddInput(Model(folder), "mood");
            ModelManifest.Load(folder).WithFiles(folder, "model.onnx").Save(folder);
        }));

    [Fact]
    public async Task AnUnknownDeviceIsNamed() =>
        Assert.Contains("Serve:Device is 'tpu', but it must be cpu, cuda", await RefusalOf(_ => { }, options => options.Device = "tpu"));

    [Fact]
    public async Task ATraceOfAModelWithoutRoutingIsRefused() =>
        Assert.Contains("Serve:Trace is on, but tiny reports no routing", await RefusalOf(
            folder => (ModelManifest.Load(folder) with { MoeLayers = [] }).Save(folder), options => options.Trace = "on"));

    [Fact]
    public async Task ATakenPortIsNamed()
    {
        await using var first = await Served.RandomAsync();
        var port = first.Server.Address.Port;
        Assert.Contains($"Port {port} of 127.0.0.1 is in use by another program", await RefusalOf(_ => { }, options => options.Port = port));
    }

    [Fact]
    public async Task AHostThatIsNoAddressIsNamed() =>
        Assert.Contains("Serve:Host is 'nowhere'", await RefusalOf(_ => { }, options => options.Host = "nowhere"));

    [Fact]
    public async Task ServingEndsWhenItIsToldToStop()
    {
        using var scratch = new Scratch();
        using var stop = new CancellationTokenSource();
        TinyModel.WriteRandom(scratch.Folder);
        var output = new StringWriter();
        var run = ServeRun.ExecuteAsync(scratch.Folder, new ServeOptions { Port = 0, Log = "off" }, TextWriter.Synchronized(output), stop.Token);
        await stop.CancelAsync();
        await run;
        Assert.Contains("Serving tiny at http://127.0.0.1:", output.ToString());
        Assert.Contains("/v1/completions -d '{\"prompt\"", output.ToString());
    }
}
