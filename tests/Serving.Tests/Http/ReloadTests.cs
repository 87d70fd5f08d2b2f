using System.Text.Json.Nodes;
using OnnxMoe.Artifacts;
using OnnxMoe.Serving.Tests.Support;

namespace OnnxMoe.Serving.Tests.Http;

/// <summary>A model replaced while requests run.</summary>
public sealed class ReloadTests
{
    private const string Ask = """{"prompt":"x","temperature":0}""";

    /// <summary>A model that recites "new", and answers as long as needed.</summary>
    private static void WriteNew(string folder) => TinyModel.WriteReciting(folder, "new");

    private static async Task<string> Text(Served served) => (string)(await served.AnswerAsync("/v1/completions", Ask))["choices"]![0]!["text"]!;

    [Fact]
    public async Task NewRequestsGetTheNewVersionAndRunningOnesEndWithTheOld()
    {
        await using var served = await Served.RandomAsync(context: 200_000);
        const string Seeded = """{"prompt":"ab","max_tokens":3000,"seed":5,"ignore_eos":true""";
        var before = await served.AnswerAsync("/v1/completions", Seeded + "}");
        using var stream = await served.BeginStreamAsync("/v1/completions", Seeded + ",\"stream\":true}");

        WriteNew(served.Folder);
        var answer = await served.AnswerAsync("/admin/reload", "");
        Assert.Equal("""{"model":"tiny","version":2}""", answer.ToJsonString());
        Assert.Equal("new", await Text(served));

        var events = ("d" + await new StreamReader(stream).ReadToEndAsync()).Split("\n\n", StringSplitOptions.RemoveEmptyEntries).Select(line => line["data: ".Length..]).ToArray();
        Assert.Equal("[DONE]", events[^1]);
        Assert.Equal((string)before["choices"]![0]!["text"]!, string.Concat(events[..^1].Select(text => (string)JsonNode.Parse(text)!["choices"]![0]!["text"]!)));
        Assert.Equal((string)before["system_fingerprint"]!, (string)JsonNode.Parse(events[0])!["system_fingerprint"]!);
        Assert.NotEqual((string)before["system_fingerprint"]!, (string)(await served.AnswerAsync("/v1/completions", Ask))["system_fingerprint"]!);
        await Served.Until(() => served.Server.LoadedVersions == 1);
        Assert.Equal(0, await served.MetricAsync("onnxmoe_num_requests_running"));
        PrometheusText.Parse(await served.Client.GetStringAsync("/metrics"));
    }

    [Fact]
    public async Task NoRequestOfManyFailsWhileTheModelIsReloadedAgainAndAgain()
    {
        await using var served = await Served.StartAsync(WriteNew);
        using var stop = new CancellationTokenSource();
        var clients = Enumerable.Range(0, 4).Select(_ => Task.Run(async () =>
        {
            var answers = 0;
            for (; !stop.IsCancellationRequested; answers++)
                Assert.Equal("new", await Text(served));
            return answers;
        })).ToArray();
        for (var i = 0; i < 5; i++)
            await served.AnswerAsync("/admin/reload", "");
        await stop.CancelAsync();
        Assert.All(await Task.WhenAll(clients), answers => Assert.True(answers > 0));
        await Served.Until(() => served.Server.LoadedVersions == 1);
    }

    [Theory]
    [InlineData("damaged", "was truncated or changed after it was written")]
    [InlineData("gone", "is missing")]
    [InlineData("renamed", "The folder now holds the model other, but tiny is served")]
    [InlineData("no manifest", "not valid JSON")]
    public async Task AVersionThatCannotBeServedChangesNothing(string mistake, string says)
    {
        await using var served = await Served.StartAsync(folder => TinyModel.WriteReciting(folder, "old"));
        WriteNew(served.Folder);
        var file = Path.Combine(served.Folder, "model.onnx");
        switch (mistake)
        {
            case "damaged":
                await File.AppendAllTextAsync(file, "x");
                break;
            case "gone":
                File.Delete(file);
                break;
            case "renamed":
                (ModelManifest.Load(served.Folder) with { Name = "other" }).Save(served.Folder);
                break;
            default:
                await File.WriteAllTextAsync(Path.Combine(served.Folder, ModelManifest.FileName), "{");
                break;
        }
        var (status, answer, _) = await served.PostAsync("/admin/reload", "");
        Assert.Equal(400, status);
        Assert.Contains(says, (string)answer["error"]!["message"]!);
        Assert.Equal("old", await Text(served));
        Assert.Equal(1, served.Server.LoadedVersions);
        Assert.Contains("ok", await served.Client.GetStringAsync("/health"));
    }

    [Fact]
    public async Task AServerThatWritesATraceDoesNotReload()
    {
        await using var served = await Served.RandomAsync(options => options.Trace = "on");
        var (status, answer, _) = await served.PostAsync("/admin/reload", "");
        Assert.Equal(400, status);
        Assert.Contains("a server that writes one (Serve:Trace) does not reload", (string)answer["error"]!["message"]!);
    }

    [Fact]
    public async Task AWatchedModelIsReloadedWhenItsManifestChanges()
    {
        var logs = new LogLines();
        await using var served = await Served.StartAsync(folder => TinyModel.WriteReciting(folder, "old"), options => options.WatchModel = true, logs);
        Assert.Equal("old", await Text(served));
        WriteNew(served.Folder);
        while (await Text(served) != "new")
            await Task.Delay(20);
        File.Delete(Path.Combine(served.Folder, "model.onnx"));
        ModelManifest.Load(served.Folder).Save(served.Folder);
        await Served.Until(() => logs.Text.Any(line => line.StartsWith("The model was not reloaded, the old version goes on:")));
        Assert.Equal("new", await Text(served));
    }

    [Fact]
    public async Task CountersGoOnWithTheNextVersion()
    {
        await using var served = await Served.StartAsync(WriteNew);
        await Text(served);
        await served.AnswerAsync("/admin/reload", ""); // tries the new version with one token
        await Text(served);
        Assert.Equal(2 * 4 + 1, await served.MetricAsync("onnxmoe_generation_tokens_total"));
        Assert.Equal(2, await served.MetricAsync("onnxmoe_request_queue_time_seconds_count"));
    }
}
