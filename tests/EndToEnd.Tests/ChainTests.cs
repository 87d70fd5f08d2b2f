using System.Net.Http.Json;
using System.Text.Json;
using System.Text.Json.Nodes;
using OnnxMoe.EndToEnd.Tests.Support;

namespace OnnxMoe.EndToEnd.Tests;

/// <summary>Train, export, place, serve: what each stage leaves, and that the next one takes it.</summary>
[Collection(ChainCollection.Name)]
public sealed class ChainTests(Chain chain)
{
    [Fact]
    public void TrainingSaysHowItComparesWithABigramModel()
    {
        Assert.Matches(@"Validation loss [0-9.]+ nats a token .* bigram model of the same text: [0-9.]+", chain.TrainingLog);
        foreach (var file in new[] { "manifest.json", "weights.safetensors", "trace.bin", "metrics.jsonl" })
            Assert.True(new FileInfo(Path.Combine(chain.Model, file)).Length > 0, file);
    }

    [Theory]
    [InlineData("training.html")]
    [InlineData("report.html")]
    public void ReportsNeedNothingFromElsewhere(string file)
    {
        var page = File.ReadAllText(Path.Combine(chain.Model, file));
        Assert.Contains("echarts", page, StringComparison.Ordinal);
        Assert.DoesNotContain("<script src", page, StringComparison.Ordinal);
        Assert.DoesNotContain("<link", page, StringComparison.Ordinal);
    }

    [Fact]
    public void EveryTargetWasComparedWithTheTrainedModel()
    {
        var manifest = JsonNode.Parse(File.ReadAllText(Path.Combine(chain.Model, "manifest.json")))!;
        var exports = manifest["exports"]!.AsArray();
        Assert.Equal(["onnx", "onnxmoe", "onnxruntime"], exports.Select(e => (string)e!["target"]!).Order(StringComparer.Ordinal));
        foreach (var export in exports)
        {
            Assert.True(File.Exists(Path.Combine(chain.Model, (string)export!["file"]!)));
            var checks = export["checks"]!.AsArray();
            Assert.NotEmpty(checks);
            Assert.All(checks, check => Assert.InRange((double)check!["maxRelative"]!, 0, 1e-3));
        }
    }

    [Fact]
    public void ThePlanPutsEveryExpertSomewhere()
    {
        var plan = File.ReadAllText(Path.Combine(chain.Model, "placement.json"));
        using var json = JsonDocument.Parse(plan);
        Assert.Equal(JsonValueKind.Object, json.RootElement.ValueKind);
        Assert.Contains("moetuner", chain.PlacementLog, StringComparison.Ordinal);
    }

    [Fact]
    public async Task TheServedModelGoesOnWithAText()
    {
        using var server = new Server(chain.With("tiny"));
        var request = new { model = "tiny", prompt = "The people of the", max_tokens = 12, temperature = 0 };
        var first = await Complete(server, request);
        Assert.Equal(first, await Complete(server, request));
        var models = await server.Client.GetFromJsonAsync<JsonNode>("/v1/models");
        Assert.Equal("tiny", (string)models!["data"]![0]!["id"]!);
        Assert.Equal(0, server.Terminate());
    }

    [Fact]
    public async Task FourDevicesFollowThePlanAndAnswerAsOne()
    {
        using var four = new Server(chain.With("tiny", "--devices", "4", "--threads", "1"));
        var request = new { prompt = "The people of the", max_tokens = 24, temperature = 0, logprobs = 1 };
        var (expected, found) = (await Choice(chain.Server, request), await Choice(four, request));
        Assert.Equal((string)expected["text"]!, (string)found["text"]!);
        var scores = expected["logprobs"]!["token_logprobs"]!.AsArray().Zip(found["logprobs"]!["token_logprobs"]!.AsArray());
        Assert.All(scores, pair => Assert.Equal((double)pair.First!, (double)pair.Second!, 1e-5));

        var placement = await four.Client.GetFromJsonAsync<JsonNode>("/admin/placement");
        Assert.Equal("moetuner", (string)placement!["plan"]!["solver"]!);
        Assert.Equal(4, placement["devices"]!.AsArray().Count);
        Assert.Contains(placement["tokens_sent"]!["0"]!.AsArray().SelectMany(row => row!.AsArray()), count => (long)count! > 0);
    }

    static async Task<JsonNode> Choice(Server server, object request)
    {
        var response = await server.Client.PostAsJsonAsync("/v1/completions", request);
        response.EnsureSuccessStatusCode();
        return (await response.Content.ReadFromJsonAsync<JsonNode>())!["choices"]![0]!;
    }

    static async Task<string> Complete(Server server, object request)
    {
        var response = await server.Client.PostAsJsonAsync("/v1/completions", request);
        response.EnsureSuccessStatusCode();
        var answer = await response.Content.ReadFromJsonAsync<JsonNode>();
        Assert.Equal(12, (int)answer!["usage"]!["completion_tokens"]!);
        return (string)answer["choices"]![0]!["text"]!;
    }
}
