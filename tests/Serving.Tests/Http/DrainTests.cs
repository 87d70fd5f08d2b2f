using System.Text.Json.Nodes;
using OnnxMoe.Serving.Http;
using OnnxMoe.Serving.Tests.Support;

namespace OnnxMoe.Serving.Tests.Http;

public sealed class DrainTests
{
    [Theory]
    [InlineData("/health")]
    [InlineData("/health/ready")]
    [InlineData("/ping")]
    [InlineData("/v2/health/ready")]
    public async Task ADrainedServerIsNotReadyButAlive(string ready)
    {
        await using var served = await Served.RandomAsync();
        await served.Client.GetStringAsync(ready);
        var answer = await served.AnswerAsync("/admin/drain", "");
        Assert.Equal("""{"drained":true,"running":0}""", answer.ToJsonString());
        using var response = await served.Client.GetAsync(ready);
        Assert.Equal(503, (int)response.StatusCode);
        Assert.True(response.Headers.ConnectionClose);
        foreach (var live in (string[])["/health/live", "/v2/health/live", "/metrics", "/version"])
            await served.Client.GetStringAsync(live);
        if (ready == "/health")
            Assert.Equal("""{"status":"stopping","problems":["The server is shutting down and takes no further requests."]}""", await response.Content.ReadAsStringAsync());
    }

    [Fact]
    public async Task RunningRequestsEndAndNewOnesAreSentElsewhere()
    {
        await using var served = await Served.RandomAsync(context: 200_000);
        using var stream = await served.BeginStreamAsync("/v1/completions", """{"prompt":"a","max_tokens":3000,"ignore_eos":true,"stream":true}""");
        var early = await served.AnswerAsync("/admin/drain?wait=0", "");
        Assert.False((bool)early["drained"]!);
        Assert.Equal(1, (int)early["running"]!);
        foreach (var path in (string[])["/v1/completions", "/v1/chat/completions", "/tokenize", "/v2/models/tiny/infer", "/admin/reload"])
        {
            using var response = await served.Client.PostAsync(path, new StringContent("{}"));
            Assert.Equal(503, (int)response.StatusCode);
            Assert.True(response.Headers.ConnectionClose);
            Assert.NotNull(response.Headers.RetryAfter);
        }
        var end = served.AnswerAsync("/admin/drain?wait=120", "");
        Assert.EndsWith("data: [DONE]\n\n", await new StreamReader(stream).ReadToEndAsync());
        Assert.Equal("""{"drained":true,"running":0}""", (await end).ToJsonString());
    }

    [Fact]
    public async Task ATimeToWaitThatIsNoneIsAMistake()
    {
        await using var served = await Served.RandomAsync();
        var (status, answer, _) = await served.PostAsync("/admin/drain?wait=long", "");
        Assert.Equal(400, status);
        Assert.Contains("not 'long'", (string)answer["error"]!["message"]!);
        Assert.Contains("ok", await served.Client.GetStringAsync("/health"));
    }

    [Fact]
    public void WhatIsWrongIsSaidAndGoesWhenItIsRight()
    {
        var state = new ServerState();
        string? problem = "device cuda:1 does not answer";
        state.AddCheck(() => problem);
        Assert.Equal([problem], state.Problems());
        problem = null;
        Assert.Empty(state.Problems());
    }
}
