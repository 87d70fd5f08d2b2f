using System.Text;
using System.Text.Json.Nodes;
using OnnxMoe.Serving.Tests.Support;

namespace OnnxMoe.Serving.Tests.Http;

/// <summary>Requests whose time is over before their answer is complete.</summary>
public sealed class TimeoutTests
{
    private const int Endless = 200_000;
    private const string Long = "\"prompt\":\"a\",\"max_tokens\":190000,\"ignore_eos\":true";

    [Fact]
    public async Task AnAnswerThatHasBegunEndsWithWhatThereIs()
    {
        await using var served = await Served.RandomAsync(context: Endless);
        var answer = await served.AnswerAsync("/v1/completions", $$"""{{{Long}},"timeout":0.5,"n":2}""");
        foreach (var choice in answer["choices"]!.AsArray())
        {
            Assert.Equal("length", (string)choice!["finish_reason"]!);
            Assert.Equal("timeout", (string)choice["stop_reason"]!);
        }
        Assert.InRange((int)answer["usage"]!["completion_tokens"]!, 1, 2 * 190000 - 1);
        await Served.Until(() => served.Server.Model.Language!.Engine.Running == 0);
        Assert.Equal(1, await served.MetricAsync("onnxmoe_request_timeouts_total"));
        Assert.Equal(0, await served.MetricAsync("onnxmoe_request_success_total"));
    }

    [Fact]
    public async Task AStreamEndsAsStreamsDo()
    {
        await using var served = await Served.RandomAsync(context: Endless);
        var events = await served.StreamAsync("/v1/completions", $$$"""{{{{Long}}},"timeout":0.5,"stream":true,"stream_options":{"include_usage":true}}""");
        Assert.Equal("[DONE]", events[^1]);
        var last = JsonNode.Parse(events[^3])!["choices"]![0]!;
        Assert.Equal("length", (string)last["finish_reason"]!);
        Assert.Equal("timeout", (string)last["stop_reason"]!);
        Assert.NotNull(JsonNode.Parse(events[^2])!["usage"]);
    }

    [Theory]
    [InlineData(",\"timeout\":0.2", null, 0)]
    [InlineData("", "0.2", 0)]
    [InlineData("", null, 0.2)]
    [InlineData(",\"timeout\":1000", "1000", 0.2)]
    public async Task AnAnswerThatHasNotBegunIsStatus504WhoeverSetTheTime(string field, string? header, double setting)
    {
        await using var served = await Served.RandomAsync(options => (options.Slots, options.RequestTimeout) = (1, 0), Endless);
        using var blocker = await served.BeginStreamAsync("/v1/completions", $$"""{{{Long}},"stream":true}""");
        // The setting holds for the blocker too, so it is only made when that runs.
        served.Options.RequestTimeout = setting;
        foreach (var stream in (string[])["", ",\"stream\":true"])
        {
            using var request = new HttpRequestMessage(HttpMethod.Post, "/v1/completions") { Content = new StringContent($$"""{"prompt":"b"{{field}}{{stream}}}""", Encoding.UTF8) };
            if (header is not null)
                request.Headers.Add("X-Request-Timeout", header);
            using var response = await served.Client.SendAsync(request);
            var error = JsonNode.Parse(await response.Content.ReadAsStringAsync())!["error"]!;
            Assert.Equal(504, (int)response.StatusCode);
            Assert.Equal("timeout", (string)error["code"]!);
            Assert.Contains("had not begun when its time of 0.2 seconds was over", (string)error["message"]!);
            Assert.Equal(["false"], response.Headers.GetValues("x-should-retry"));
        }
        await Served.Until(() => served.Server.Model.Language!.Engine.Waiting == 0);
    }

    [Fact]
    public async Task TimeEnoughChangesNothing()
    {
        await using var served = await Served.RandomAsync(options => options.RequestTimeout = 1e5);
        var answer = await served.AnswerAsync("/v1/completions", """{"prompt":"ab","max_tokens":5,"ignore_eos":true,"timeout":1000}""");
        Assert.Equal(5, (int)answer["usage"]!["completion_tokens"]!);
        Assert.False(answer["choices"]![0]!.AsObject().ContainsKey("stop_reason"));
    }

    [Theory]
    [InlineData("soon")]
    [InlineData("-1")]
    [InlineData("NaN")]
    public async Task AHeaderThatIsNoTimeIsAMistake(string header)
    {
        await using var served = await Served.RandomAsync();
        served.Client.DefaultRequestHeaders.Add("X-Request-Timeout", header);
        var (status, answer, _) = await served.PostAsync("/v1/completions", """{"prompt":"a"}""");
        Assert.Equal(400, status);
        Assert.Contains($"must be a number of seconds between 0.001 and 1000000, not '{header}'", (string)answer["error"]!["message"]!);
    }
}
