using System.Net.Http.Headers;
using System.Text;
using System.Text.Json.Nodes;
using OnnxMoe.Serving.Tests.Support;

namespace OnnxMoe.Serving.Tests.Http;

/// <summary>Bodies that no client should send, to every endpoint that takes one.</summary>
public sealed class HostileInputTests
{
    private static readonly string[] Endpoints = ["/v1/completions", "/v1/chat/completions", "/tokenize", "/detokenize", "/v2/models/tiny/infer"];

    private static async Task<(int Status, string Message)> Send(Served served, string path, byte[] body, string? type = null, string? encoding = null)
    {
        var content = new ByteArrayContent(body);
        if (type is not null)
            content.Headers.TryAddWithoutValidation("Content-Type", type);
        if (encoding is not null)
            content.Headers.ContentEncoding.Add(encoding);
        using var response = await served.Client.PostAsync(path, content);
        Assert.Equal("application/json", response.Content.Headers.ContentType!.MediaType);
        var error = JsonNode.Parse(await response.Content.ReadAsStringAsync())!["error"]!;
        return ((int)response.StatusCode, (string)(error is JsonValue ? error : error["message"]!)!);
    }

    private static async Task EachRefuses(byte[] body, int status, string says, string? type = null, string? encoding = null)
    {
        await using var served = await Served.RandomAsync();
        foreach (var path in Endpoints)
        {
            var (found, message) = await Send(served, path, body, type, encoding);
            Assert.Equal(status, found);
            Assert.Contains(says, message);
        }
    }

    [Fact]
    public Task InvalidUtf8() => EachRefuses([.. "{\"prompt\":\""u8, 0xC3, 0x28, 0xFF, .. "\"}"u8], 400, "not valid UTF-8");

    [Theory]
    [InlineData("{\"prompt\":\"\\ud800\",\"messages\":[{\"role\":\"user\",\"content\":\"\\ud800\"}]}")]
    [InlineData("{\"\\udc00\":1}")]
    [InlineData("{\"prompt\":\"a\",\"stop\":[\"ok\",\"\\udfff x\"]}")]
    public Task HalfACharacter(string body) => EachRefuses(Encoding.ASCII.GetBytes(body), 400, "an escape of half a character (a lone surrogate)");

    [Fact]
    public Task NestedTooDeep() => EachRefuses(Encoding.ASCII.GetBytes($"{{\"prompt\":{new string('[', 5000)}{new string(']', 5000)}}}"), 400, "nested more than 64 deep");

    [Theory]
    [InlineData("")]
    [InlineData("{\"prompt\":\"a\"} {}")]
    [InlineData("{\"prompt\":\"a\",}")]
    [InlineData("{\"prompt\":NaN}")]
    [InlineData("{'prompt':'a'}")]
    [InlineData("\0")]
    [InlineData("prompt=a")]
    public Task NoJson(string body) => EachRefuses(Encoding.UTF8.GetBytes(body), 400, "not valid JSON");

    [Theory]
    [InlineData("image/png")]
    [InlineData("multipart/form-data; boundary=x")]
    [InlineData("application/octet-stream")]
    [InlineData("nonsense")]
    [InlineData("application/json; charset=utf-16")]
    public Task AnotherType(string type) => EachRefuses("{\"prompt\":\"a\"}"u8.ToArray(), 415, "is not supported", type);

    [Fact]
    public Task AnotherEncoding() => EachRefuses("{\"prompt\":\"a\"}"u8.ToArray(), 415, "The content encoding 'gzip' is not supported", encoding: "gzip");

    [Theory]
    [InlineData(null)]
    [InlineData("application/json; charset=utf-8")]
    [InlineData("application/json; charset=\"UTF-8\"")]
    [InlineData("application/vnd.api+json")]
    [InlineData("application/x-www-form-urlencoded")]
    public async Task TypesOfJsonAreTaken(string? type)
    {
        await using var served = await Served.RandomAsync();
        using var content = new ByteArrayContent([.. "\uFEFF"u8, .. "{\"prompt\":\"a\",\"max_tokens\":1}"u8]);
        content.Headers.ContentType = type is null ? null : MediaTypeHeaderValue.Parse(type);
        using var response = await served.Client.PostAsync("/v1/completions", content);
        Assert.Equal(200, (int)response.StatusCode);
    }

    [Fact]
    public async Task RandomBytesAreAMistakeAndNeverAFailure()
    {
        await using var served = await Served.RandomAsync();
        var random = new Random(11);
        var valid = Encoding.UTF8.GetBytes("""{"prompt":"ab","messages":[{"role":"user","content":"a"}],"tokens":[1],"max_tokens":2,"stop":["x"],"inputs":[{"name":"input_ids","datatype":"INT64","shape":[1,1],"data":[5]}]}""");
        for (var i = 0; i < 300; i++)
        {
            var body = new byte[random.Next(200)];
            random.NextBytes(body);
            if (i % 2 == 1)
            {
                body = [.. valid]; // one byte of something valid is another
                body[random.Next(body.Length)] = (byte)random.Next(256);
            }
            foreach (var path in Endpoints)
            {
                using var response = await served.Client.PostAsync(path, new ByteArrayContent(body));
                Assert.InRange((int)response.StatusCode, 200, 499);
                JsonNode.Parse(await response.Content.ReadAsStringAsync());
            }
        }
    }

    [Fact]
    public async Task ABinaryTensorRequestIsToldThatOnlyJsonIsRead()
    {
        await using var served = await Served.RandomAsync();
        served.Client.DefaultRequestHeaders.Add("Inference-Header-Content-Length", "20");
        var (status, message) = await Send(served, "/v2/models/tiny/infer", "{}"u8.ToArray());
        Assert.Equal(415, status);
        Assert.Contains("send them as JSON", message);
    }

    [Fact]
    public async Task LargeBodiesWaitForEachOtherAndAllAreAnswered()
    {
        await using var served = await Served.RandomAsync();
        var body = Encoding.UTF8.GetBytes($"{{\"prompt\":\"{new string('a', 3 << 20)}\"}}");
        var answers = await Task.WhenAll(Enumerable.Range(0, 20).Select(_ => Send(served, "/v1/completions", body)));
        Assert.All(answers, answer => Assert.Equal((400, true), (answer.Status, answer.Message.Contains("but the model's context holds 96"))));
    }
}
