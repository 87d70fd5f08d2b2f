using System.Text.Json.Nodes;
using OnnxMoe.Artifacts;
using OnnxMoe.Artifacts.Manifests;
using OnnxMoe.Serving.Tests.Support;

namespace OnnxMoe.Serving.Tests.Http;

/// <summary>What <c>/status</c> says.</summary>
public sealed class ActivityTests
{
    private static async Task<JsonNode> StatusAsync(Served served, string query = "") => JsonNode.Parse(await served.Client.GetStringAsync($"/status{query}"))!;

    [Fact]
    public async Task ItCountsWhatTheMetricsCount()
    {
        await using var served = await Served.StartAsync(folder => AttentionModel.Write(folder));
        for (var i = 0; i < 2; i++)
            await served.AnswerAsync("/v1/completions", $$"""{"prompt":"{{new string('a', 70)}}","max_tokens":5,"ignore_eos":true}""");
        var status = await StatusAsync(served);
        Assert.Equal("language", (string)status["kind"]!);
        Assert.Equal("""{"running":0,"waiting":0,"slots":8,"limit":256}""", status["queue"]!.ToJsonString());
        Assert.Equal("""{"prompt":140,"generated":10}""", status["tokens"]!.ToJsonString());
        Assert.Equal(64, (int)status["cache"]!["pages"]!["tokens_reused"]!); // the second prompt's two whole pages of 32
        Assert.Equal(0, (int)status["cache"]!["pages"]!["used"]!);
        Assert.Equal(["0", "1"], status["layers"]!.AsArray().Select(layer => (string)layer!["layer"]!));
        for (var layer = 0; layer < 2; layer++)
            for (var expert = 0; expert < 8; expert++)
                Assert.Equal(await served.MetricAsync($"onnxmoe_expert_tokens_total{{model_name=\"tiny\",layer=\"{layer}\",expert=\"{expert}\"}}"), (double)status["layers"]![layer]!["tokens"]![expert]!);
        Assert.InRange((double)status["balance"]!, 1 / 8.0, 1);
        Assert.Null((await StatusAsync(served, "?counts=false"))["layers"]![0]!["tokens"]);
    }

    [Fact]
    public async Task ItTellsTheWorkOfEachDevice()
    {
        await using var served = await Served.StartAsync(folder => MoeModel.Write(folder), options => options.Devices = 2);
        await served.AnswerAsync("/v1/completions", """{"prompt":"abcd","max_tokens":5,"ignore_eos":true,"active_experts":8}""");
        var devices = (await StatusAsync(served))["devices"]!.AsArray();
        // Each of the 4 + 4 tokens needs all experts at three sites, so both devices take it there.
        Assert.All(devices, device => Assert.Equal(3 * 8, (int)device!["tokens"]!));
        Assert.All(devices, device => Assert.Equal(8, (int)device!["experts"]!));
        Assert.All(devices, device => Assert.True((double)device!["busy_seconds"]! > 0));
    }

    [Fact]
    public async Task AModelOfTensorsHasNoQueue()
    {
        await using var served = await Served.StartAsync(folder =>
        {
            TinyModel.WriteRandom(folder);
            File.Delete(Path.Combine(folder, ModelManifest.FileName));
        });
        var status = await StatusAsync(served);
        Assert.Equal("tensors", (string)status["kind"]!);
        Assert.Null(status["queue"]);
    }

    [Fact]
    public async Task ItIsForThoseWhoHaveTheKey()
    {
        await using var served = await Served.RandomAsync(options => options.ApiKey = "secret");
        Assert.Equal(401, (int)(await served.Client.GetAsync("/status")).StatusCode);
        served.Client.DefaultRequestHeaders.Authorization = new("Bearer", "secret");
        Assert.Equal("tiny", (string)(await StatusAsync(served))["model"]!);
    }

    [Fact]
    public async Task AWrongQueryIsTold()
    {
        await using var served = await Served.RandomAsync();
        using var response = await served.Client.GetAsync("/status?counts=some");
        Assert.Equal(400, (int)response.StatusCode);
        Assert.Contains("'counts' must be true or false, not 'some'.", await response.Content.ReadAsStringAsync());
    }
}
