using System.Net.Sockets;
using System.Text;
using OnnxMoe.Serving.Observability;
using OnnxMoe.Serving.Tests.Support;

namespace OnnxMoe.Serving.Tests.Http;

/// <summary>Limits for each client, and clients that are too slow.</summary>
public sealed class LimitTests
{
    private const string Body = """{"prompt":"abc","max_tokens":2,"ignore_eos":true}""";

    private static int RetryAfter(System.Net.Http.Headers.HttpResponseHeaders headers) => (int)headers.RetryAfter!.Delta!.Value.TotalSeconds;

    [Fact]
    public async Task AClientMakesSoManyRequestsAMinuteAndMonitorsAnyNumber()
    {
        await using var served = await Served.RandomAsync(options => (options.RateLimit.RequestsPerMinute, options.ApiKey) = (2, "k"));
        for (var i = 0; i < 5; i++)
            await served.Client.GetStringAsync("/health");
        served.Client.DefaultRequestHeaders.Authorization = new("Bearer", "k");
        await served.AnswerAsync("/v1/completions", Body);
        await served.AnswerAsync("/v1/completions", Body);
        var (status, answer, headers) = await served.PostAsync("/v1/completions", Body);
        Assert.Equal(429, status);
        Assert.Equal("rate_limit_exceeded", (string)answer["error"]!["code"]!);
        Assert.Contains("may make 2 requests a minute (Serve:RateLimit:RequestsPerMinute); try again in", (string)answer["error"]!["message"]!);
        Assert.InRange(RetryAfter(headers), 1, 30);
        (status, answer, _) = await served.PostAsync("/v2/models/tiny/infer", "{}");
        Assert.Equal(429, status);
        Assert.NotNull((string)answer["error"]!); // the other protocol's form
        await served.Client.GetStringAsync("/metrics");
        await served.Client.GetStringAsync("/status");
    }

    [Fact]
    public async Task KeysHaveLimitsOfTheirOwn()
    {
        using var scratch = new Scratch();
        await File.WriteAllTextAsync(scratch.PathOf("keys"), "ann a\nbob b\n");
        await using var served = await Served.RandomAsync(options => (options.RateLimit.RequestsPerMinute, options.ApiKeyFile) = (1, scratch.PathOf("keys")));
        foreach (var (key, expected) in (IEnumerable<(string, int)>)[("a", 200), ("b", 200), ("a", 429), ("b", 429)])
        {
            served.Client.DefaultRequestHeaders.Authorization = new("Bearer", key);
            Assert.Equal(expected, (await served.PostAsync("/v1/completions", Body)).Status);
        }
    }

    [Fact]
    public async Task AClientUsesSoManyTokensAMinute()
    {
        await using var served = await Served.RandomAsync(options => options.RateLimit.TokensPerMinute = 12);
        await served.AnswerAsync("/v1/completions", Body);
        await served.AnswerAsync("/v1/completions", Body); // 3 + 2 tokens each
        var (status, answer, headers) = await served.PostAsync("/v1/completions", """{"prompt":"abc","max_tokens":8}""");
        Assert.Equal(429, status);
        Assert.Contains("this request may need 11", (string)answer["error"]!["message"]!);
        Assert.InRange(RetryAfter(headers), 1, 60);
        (status, answer, _) = await served.PostAsync("/v1/completions", """{"prompt":"abc","max_tokens":5,"n":2}""");
        Assert.Equal(400, status); // no waiting would help
        Assert.Contains("may use 16 tokens with its answer, but a client has 12 a minute", (string)answer["error"]!["message"]!);
    }

    [Fact]
    public void ARefusedClientIsToldWhenThoseBeforeItAreServed()
    {
        var time = new FakeTime();
        var load = new LoadEstimate(time);
        Assert.Equal(1, load.SecondsFor(100)); // nothing is known yet
        for (var i = 0; i < 10; i++)
        {
            load.Ended();
            time.Move(0.5);
        }
        Assert.Equal(10, load.SecondsFor(20)); // two a second
        Assert.Equal(1, load.SecondsFor(0));
        time.Move(5);
        Assert.Equal(20, load.SecondsFor(20)); // now one a second
        Assert.Equal(60, load.SecondsFor(100_000));
        for (var i = 0; i < 40; i++)
        {
            load.Ended();
            time.Move(0.01);
        }
        Assert.Equal(1, load.SecondsFor(20)); // what was long ago does not count
    }

    [Fact]
    public async Task MoreTensorRequestsThanFitIntoTheQueueAreRefused()
    {
        await using var served = await Served.RandomAsync(options => (options.Slots, options.QueueLimit) = (1, 0));
        const string Infer = """
            {"inputs":[{"name":"input_ids","datatype":"INT64","shape":[1,1],"data":[5]},{"name":"position_ids","datatype":"INT64","shape":[1,1],"data":[0]},
            {"name":"attention_mask","datatype":"INT64","shape":[1,1],"data":[1]},
            {"name":"past_key_values.0.key","datatype":"FP32","shape":[1,1,0,8],"data":[]},{"name":"past_key_values.0.value","datatype":"FP32","shape":[1,1,0,8],"data":[]}]}
            """;
        var answers = await Task.WhenAll(Enumerable.Range(0, 200).Select(_ => served.PostAsync("/v2/models/tiny/infer", Infer)));
        Assert.Contains(answers, answer => answer.Status == 200);
        Assert.All(answers, answer => Assert.True(answer.Status is 200 or 429));
        Assert.All(answers.Where(answer => answer.Status == 429), answer => Assert.InRange(RetryAfter(answer.Headers), 1, 60));
        Assert.Equal(answers.Count(answer => answer.Status == 200), await served.MetricAsync("onnxmoe_inference_request_success_total"));
    }

    [Fact]
    public async Task ABodyThatDoesNotComeIsGivenUp()
    {
        await using var served = await Served.RandomAsync(options => (options.BodySeconds, options.MinDataRate) = (1, 0));
        Assert.Contains("did not arrive within 1 seconds (Serve:BodySeconds)", await Raw(served, "POST /v1/completions HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{\"prompt\""));
    }

    [Fact]
    public async Task HeadersThatDoNotComeAreGivenUp()
    {
        await using var served = await Served.RandomAsync(options => options.HeaderSeconds = 1);
        Assert.StartsWith("HTTP/1.1 408", await Raw(served, "GET /health HTTP/1.1\r\nHost: "));
    }

    [Fact]
    public async Task AClientThatDoesNotReadLosesItsConnectionAndItsSlot()
    {
        // Its answer is larger than what the connection's buffers hold.
        var logs = new LogLines();
        await using var served = await Served.StartAsync(folder => TinyModel.WriteRandom(folder, 200_000), options => options.SlowSeconds = 2, logs);
        using var client = new Socket(SocketType.Stream, ProtocolType.Tcp) { ReceiveBufferSize = 4096 };
        await client.ConnectAsync(served.Server.Address.Host, served.Server.Address.Port);
        var body = """{"prompt":"a","max_tokens":150000,"ignore_eos":true,"stream":true,"logprobs":20,"n":8}""";
        await client.SendAsync(Encoding.UTF8.GetBytes($"POST /v1/completions HTTP/1.1\r\nHost: x\r\nX-Request-Id: slow\r\nContent-Length: {body.Length}\r\n\r\n{body}"));
        await Served.Until(() => served.Server.Model.Language!.Engine.Running == 8);
        await Served.Until(() => served.Server.Model.Language!.Engine.Running == 0);
        Assert.Equal(0, await served.MetricAsync("onnxmoe_request_success_total"));
        Assert.Equal("client_too_slow", (string)(await logs.RequestAsync("slow"))["error"]!);
        Assert.DoesNotContain(logs.Json, line => line.Contains("\"level\":\"error\""));
    }

    /// <summary>Sends some bytes and returns what comes until the server closes.</summary>
    private static async Task<string> Raw(Served served, string text)
    {
        using var client = new TcpClient();
        await client.ConnectAsync(served.Server.Address.Host, served.Server.Address.Port);
        var stream = client.GetStream();
        await stream.WriteAsync(Encoding.Latin1.GetBytes(text));
        var answer = new StringBuilder();
        var buffer = new byte[4096];
        while (!answer.ToString().EndsWith('}') && await stream.ReadAsync(buffer) is > 0 and var count)
            answer.Append(Encoding.Latin1.GetString(buffer, 0, count));
        return answer.ToString();
    }
}
