using System.Text;
using System.Text.Json.Nodes;
using OnnxMoe.Serving.Tests.Support;

namespace OnnxMoe.Serving.Tests.Http;

public sealed class RequestLogTests
{
    private static async Task Post(Served served, string path, string body, string id, Action<HttpRequestMessage>? set = null)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, path) { Content = new StringContent(body, Encoding.UTF8, "application/json") };
        request.Headers.Add("X-Request-Id", id);
        set?.Invoke(request);
        using var response = await served.Client.SendAsync(request);
        await response.Content.ReadAsStringAsync();
    }

    [Fact]
    public async Task ARequestIsOneLineWithItsNumbersAndWithoutItsTexts()
    {
        var logs = new LogLines();
        await using var served = await Served.StartAsync(folder => TinyModel.WriteReciting(folder, "Hello, world."), logs: logs);
        await Post(served, "/v1/completions", """{"prompt":"x","temperature":0,"stream":true,"user":"sue"}""", "one");
        var line = await logs.RequestAsync("one");
        Assert.Equal(
            ["time", "level", "event", "id", "client", "method", "route", "status", "stream", "sequences", "prompt_tokens", "completion_tokens", "queue_seconds", "first_token_seconds", "total_seconds", "finish_reason"],
            line.Select(field => field.Key));
        Assert.Equal("""["information","request","one","sue","POST","/v1/completions",200,true,1,1,14]""",
            new JsonArray([.. new[] { "level", "event", "id", "client", "method", "route", "status", "stream", "sequences", "prompt_tokens", "completion_tokens" }.Select(name => line[name]!.DeepClone())]).ToJsonString());
        Assert.Equal("stop", (string)line["finish_reason"]!);
        Assert.InRange((double)line["first_token_seconds"]!, (double)line["queue_seconds"]!, (double)line["total_seconds"]!);
        Assert.All(logs.Json, text => Assert.Single(text.TrimEnd('\n').Split('\n')));
        Assert.DoesNotContain(logs.Json.Concat(logs.Text), text => text.Contains("Hello"));
        Assert.Contains(logs.Text, text => text.StartsWith("one sue POST /v1/completions 200 in ") && text.Contains("1 + 14 tokens (stop), queue "));
    }

    [Fact]
    public async Task TextsAreLoggedWhereTheSettingsSaySo()
    {
        var logs = new LogLines();
        await using var served = await Served.StartAsync(folder => TinyModel.WriteReciting(folder, "Hello,\nworld."), options => options.LogPrompts = true, logs);
        await Post(served, "/v1/completions", """{"prompt":"x","temperature":0}""", "two");
        var line = await logs.RequestAsync("two");
        Assert.Equal("x", (string)line["prompt"]!);
        Assert.Equal("Hello,\nworld.", (string)line["output"]!);
        Assert.DoesNotContain(logs.Text, text => text.Contains('\n'));
    }

    [Fact]
    public async Task MistakesTellTheirKindAndRoutesAreNotWhatClientsWrite()
    {
        var logs = new LogLines();
        await using var served = await Served.StartAsync(folder => TinyModel.WriteRandom(folder), logs: logs);
        await Post(served, "/v1/completions", """{"prompt":"a","max_tokens":500}""", "long");
        await Post(served, "/no/such/route", "{}", "lost", request => request.Headers.Add("X-Client-Id", "bob"));
        await Post(served, "/v1/completions", """{"prompt":"a","max_tokens":2}""", "header", request => request.Headers.Add("X-Client-Id", "bob"));
        Assert.Equal("context_length_exceeded", (string)(await logs.RequestAsync("long"))["error"]!);
        var lost = await logs.RequestAsync("lost");
        Assert.Equal("unmatched", (string)lost["route"]!);
        Assert.Equal(404, (int)lost["status"]!);
        Assert.Equal("127.0.0.1", (string)lost["client"]!);
        Assert.Equal("bob", (string)(await logs.RequestAsync("header"))["client"]!);
    }

    [Fact]
    public async Task AClientThatLeavesIsLoggedWithStatus499OrTheOneItGot()
    {
        var logs = new LogLines();
        await using var served = await Served.StartAsync(folder => TinyModel.WriteRandom(folder, 200_000), logs: logs);
        using var leave = new CancellationTokenSource();
        using var request = new HttpRequestMessage(HttpMethod.Post, "/v1/completions") { Content = new StringContent("""{"prompt":"a","max_tokens":190000,"ignore_eos":true}""") };
        request.Headers.Add("X-Request-Id", "gone");
        var waiting = served.Client.SendAsync(request, leave.Token);
        await Served.Until(() => served.Server.Model.Language!.Engine.Running == 1);
        await leave.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => waiting);
        var line = await logs.RequestAsync("gone");
        Assert.Equal(499, (int)line["status"]!);
        Assert.Equal("client_left", (string)line["error"]!);
    }
}
