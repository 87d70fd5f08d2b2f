using System.Net;
using System.Net.Http.Json;
using System.Net.Sockets;
using System.Text;
using System.Text.Json.Nodes;
using OnnxMoe.EndToEnd.Tests.Support;

namespace OnnxMoe.EndToEnd.Tests;

/// <summary>Drills on the server: bad requests, a taken port, a crowd.</summary>
[Collection(ChainCollection.Name)]
public sealed class RequestTests(Chain chain)
{
    [Theory]
    [InlineData("""{ "model": "tiny", "prompt": """)]
    [InlineData("""{ "model": "tiny", "prompt": "{LONG}" }""")]
    [InlineData("""{ "model": "tiny", "prompt": "Hi", "temperature": "warm" }""")]
    public async Task BadRequestsGetAnErrorInOpenAisShape(string body)
    {
        var content = new StringContent(body.Replace("{LONG}", new string('a', 500), StringComparison.Ordinal), Encoding.UTF8, "application/json");
        var response = await chain.Server.Client.PostAsync("/v1/completions", content);
        Assert.Equal(HttpStatusCode.BadRequest, response.StatusCode);
        var error = (await response.Content.ReadFromJsonAsync<JsonNode>())!["error"]!;
        Assert.NotEmpty((string)error["message"]!);
        Assert.Equal("invalid_request_error", (string)error["type"]!);
    }

    [Fact]
    public void ATakenPortIsSaidSo()
    {
        var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        var port = ((IPEndPoint)listener.LocalEndpoint).Port;
        Command.RunRefused(chain.With("serve", "tiny", "--port", $"{port}"), $"{port}");
        listener.Stop();
    }

    [Fact]
    public async Task SixtyFourAtOnceAreAllAnswered()
    {
        var requests = Enumerable.Range(0, 64).Select(i => chain.Server.Client.PostAsJsonAsync("/v1/completions",
            new { model = "tiny", prompt = $"Number {i} of the", max_tokens = 4, temperature = 0 }));
        foreach (var response in await Task.WhenAll(requests))
            Assert.Equal(HttpStatusCode.OK, response.StatusCode);
    }
}
