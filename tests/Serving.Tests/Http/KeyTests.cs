using OnnxMoe.Artifacts;
using OnnxMoe.Serving.Http;
using OnnxMoe.Serving.Tests.Support;

namespace OnnxMoe.Serving.Tests.Http;

public sealed class KeyTests
{
    private const string Body = """{"prompt":"a","max_tokens":2}""";

    private static async Task<int> Status(Served served, string? key, string path = "/v1/completions")
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, path) { Content = new StringContent(Body) };
        if (key is not null)
            request.Headers.TryAddWithoutValidation("Authorization", key);
        using var response = await served.Client.SendAsync(request);
        return (int)response.StatusCode;
    }

    [Fact]
    public async Task EachKeyOfTheFileAndTheSettingsOpensTheServerAndNothingElseDoes()
    {
        using var scratch = new Scratch();
        await File.WriteAllTextAsync(scratch.PathOf("keys"), "# holders\nalice  wonder-land\n\nsecond-key\n");
        var logs = new LogLines();
        await using var served = await Served.StartAsync(folder => TinyModel.WriteRandom(folder), options => (options.ApiKey, options.ApiKeyFile) = ("third", scratch.PathOf("keys")), logs);
        foreach (var good in (string[])["Bearer wonder-land", "bearer second-key", "Bearer third"])
            Assert.Equal(200, await Status(served, good));
        foreach (var bad in (string?[])[null, "", "Bearer ", "Bearer alice", "Bearer wonder-lan", "Bearer wonder-land2", "Basic third", "third", "Bearer #"])
            Assert.Equal(401, await Status(served, bad));
        Assert.Contains(logs.Json, line => line.Contains("\"client\":\"alice\""));
        Assert.DoesNotContain(logs.Json, line => line.Contains("wonder-land") || line.Contains("second-key"));
    }

    [Theory]
    [InlineData("GET", "/health", 200)]
    [InlineData("GET", "/health/live", 200)]
    [InlineData("GET", "/v2/health/ready", 200)]
    [InlineData("GET", "/metrics", 200)]
    [InlineData("GET", "/version", 200)]
    [InlineData("GET", "/", 200)]
    [InlineData("GET", "/v1/models", 401)]
    [InlineData("GET", "/v2", 401)]
    [InlineData("GET", "/v2/models/tiny", 401)]
    [InlineData("POST", "/tokenize", 401)]
    [InlineData("POST", "/admin/reload", 401)]
    [InlineData("POST", "/admin/drain", 401)]
    [InlineData("GET", "/admin/placement", 401)]
    [InlineData("GET", "/no/such/route", 401)]
    public async Task WithKeysOnlyMonitorsAndThePageNeedNone(string method, string path, int status)
    {
        await using var served = await Served.RandomAsync(options => options.ApiKey = "k");
        using var response = await served.Client.SendAsync(new HttpRequestMessage(new(method), path));
        Assert.Equal(status, (int)response.StatusCode);
        if (status == 401)
            Assert.Equal("Bearer", response.Headers.WwwAuthenticate.Single().Scheme);
    }

    [Fact]
    public void AChangedFileOfKeysIsReadAgainAndADamagedOneIsNot()
    {
        using var scratch = new Scratch();
        var path = scratch.PathOf("keys");
        File.WriteAllText(path, "ann one\n");
        var time = new FakeTime();
        var ring = new ApiKeyRing(new() { ApiKeyFile = path }, new LogLines(), time);
        Assert.Equal("ann", ring.HolderOf("one"));
        File.WriteAllText(path, "ann another\n");
        time.Move(2);
        Assert.Null(ring.HolderOf("one"));
        Assert.Equal("ann", ring.HolderOf("another"));
        File.WriteAllText(path, "three words here\n");
        time.Move(2);
        Assert.Equal("ann", ring.HolderOf("another"));
    }

    [Theory]
    [InlineData("# nothing\n", "holds no key")]
    [InlineData("a b c\n", ":1 has more than two words")]
    [InlineData(null, "there is no such file")]
    public async Task AFileWithoutKeysIsRefusedAtTheStart(string? text, string says)
    {
        using var scratch = new Scratch();
        if (text is not null)
            await File.WriteAllTextAsync(scratch.PathOf("keys"), text);
        var problem = await Assert.ThrowsAsync<UserError>(() => Served.RandomAsync(options => options.ApiKeyFile = scratch.PathOf("keys")));
        Assert.Contains(says, problem.Message);
    }
}
