using System.Text.Json.Nodes;
using OnnxMoe.Serving.Tests.Support;

namespace OnnxMoe.Serving.Tests.Http;

/// <summary>Many clients at once, clients that leave, a full queue, and the end of the server.</summary>
public sealed class LoadTests
{
    /// <summary>A context so long that its answer does not end within a test.</summary>
    private const int Endless = 200_000;

    private static readonly string EndlessRequest = $$"""{"prompt":"a","max_tokens":{{Endless - 10}},"ignore_eos":true,"stream":true}""";

    private static string Request(int i) =>
        $$"""{"prompt":"prompt {{i}}","seed":{{i % 7}},"max_tokens":{{10 + i % 20}},"temperature":{{(i % 3 == 0 ? "0" : "1.2")}},"ignore_eos":true}""";

    private static string Text(JsonNode answer) => (string)answer["choices"]![0]!["text"]!;

    [Fact]
    public async Task SixtyFourRequestsAtOnceGetTheAnswersTheyGetAlone()
    {
        await using var served = await Served.RandomAsync(options => options.Slots = 5);
        var together = await Task.WhenAll(Enumerable.Range(0, 64).Select(i => served.AnswerAsync("/v1/completions", Request(i))));
        for (var i = 0; i < 64; i++)
        {
            var alone = await served.AnswerAsync("/v1/completions", Request(i));
            Assert.Equal(Text(alone), Text(together[i]));
            Assert.Equal(alone["usage"]!.ToJsonString(), together[i]["usage"]!.ToJsonString());
        }
    }

    [Fact]
    public async Task ASeedGivesTheSameTextAndAnotherSeedAnother()
    {
        await using var served = await Served.RandomAsync();
        async Task<string> Draw(string seed) => Text(await served.AnswerAsync("/v1/completions", $$"""{"prompt":"ab","max_tokens":16{{seed}}}"""));
        Assert.Equal(await Draw(",\"seed\":1"), await Draw(",\"seed\":1"));
        Assert.NotEqual(await Draw(",\"seed\":1"), await Draw(",\"seed\":2"));
        Assert.NotEqual(await Draw(""), await Draw(""));
    }

    [Fact]
    public async Task AClientThatLeavesFreesItsSlot()
    {
        await using var served = await Served.RandomAsync(options => options.Slots = 1, Endless);
        var stream = await served.BeginStreamAsync("/v1/completions", EndlessRequest);
        var second = served.AnswerAsync("/v1/completions", """{"prompt":"b","max_tokens":3}""");
        stream.Dispose();
        await second; // needs the only slot
        Assert.Equal(1, await served.MetricAsync("onnxmoe_request_success_total"));
    }

    [Fact]
    public async Task AClientThatLeavesTheQueueMakesRoomInIt()
    {
        await using var served = await Served.RandomAsync(options => (options.Slots, options.QueueLimit) = (1, 1), Endless);
        using var stream = await served.BeginStreamAsync("/v1/completions", EndlessRequest);
        using var leave = new CancellationTokenSource();
        var waiting = served.Client.PostAsync("/v1/completions", new StringContent("""{"prompt":"b"}"""), leave.Token);
        await Served.Until(() => served.Server.Model.Language!.Engine.Waiting == 1);

        var (status, answer, headers) = await served.PostAsync("/v1/completions", """{"prompt":"c"}""");
        Assert.Equal(429, status);
        Assert.Equal("queue_full", (string)answer["error"]!["code"]!);
        Assert.NotNull(headers.RetryAfter);

        await leave.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => waiting);
        await Served.Until(() => served.Server.Model.Language!.Engine.Waiting == 0);
        var third = served.AnswerAsync("/v1/completions", """{"prompt":"d","max_tokens":2}""");
        await Served.Until(() => served.Server.Model.Language!.Engine.Waiting == 1);
        stream.Dispose();
        await third;
    }

    [Fact]
    public async Task MoreAnswersThanTheServerCanEverHoldAreTheClientsMistake()
    {
        await using var served = await Served.RandomAsync(options => (options.Slots, options.QueueLimit) = (2, 3));
        var (status, answer, _) = await served.PostAsync("/v1/completions", """{"prompt":"a","n":6}""");
        Assert.Equal(400, status);
        Assert.Contains("asks for 6 answers, but this server takes at most 5 at a time", (string)answer["error"]!["message"]!);
        await served.AnswerAsync("/v1/completions", """{"prompt":"a","n":5,"max_tokens":2}""");
    }

    [Fact]
    public async Task DrainingFinishesWhatRunsAndRefusesWhatComes()
    {
        await using var served = await Served.RandomAsync(context: Endless);
        using var stream = await served.BeginStreamAsync("/v1/completions", """{"prompt":"a","max_tokens":2000,"ignore_eos":true,"stream":true}""");
        var drained = served.Server.DrainAsync(TimeSpan.FromMinutes(2));
        var (status, answer, headers) = await served.PostAsync("/v1/completions", """{"prompt":"b"}""");
        Assert.Equal(503, status);
        Assert.Equal("shutting_down", (string)answer["error"]!["code"]!);
        Assert.NotNull(headers.RetryAfter);
        using var health = await served.Client.GetAsync("/health");
        Assert.Equal(503, (int)health.StatusCode);
        Assert.EndsWith("data: [DONE]\n\n", await new StreamReader(stream).ReadToEndAsync());
        Assert.True(await drained);
    }

    [Fact]
    public async Task ADrainThatTakesTooLongGivesUp()
    {
        await using var served = await Served.RandomAsync(context: Endless);
        using var stream = await served.BeginStreamAsync("/v1/completions", EndlessRequest);
        Assert.False(await served.Server.DrainAsync(TimeSpan.FromMilliseconds(50)));
    }

    [Fact]
    public async Task StoppingEndsARunningStreamWithAnError()
    {
        await using var served = await Served.RandomAsync(context: Endless);
        using var stream = await served.BeginStreamAsync("/v1/completions", EndlessRequest);
        var rest = new StreamReader(stream).ReadToEndAsync();
        await served.Server.DisposeAsync();
        Assert.Contains("\"code\":\"shutting_down\"", await rest);
    }
}
