using System.Net.Http.Headers;
using System.Text;
using System.Text.Json.Nodes;
using Microsoft.Extensions.Logging;

namespace OnnxMoe.Serving.Tests.Support;

/// <summary>A real server on a free loopback port, a client for it, and the model folder behind it.</summary>
internal sealed class Served : IAsyncDisposable
{
    private readonly Scratch _scratch;

    private Served(Scratch scratch, ModelServer server, ServeOptions options)
    {
        (_scratch, Server, Options) = (scratch, server, options);
        // Certificates of tests are signed by nobody.
        var handler = new HttpClientHandler { ServerCertificateCustomValidationCallback = (_, certificate, _, _) => (Certificate = certificate?.Thumbprint) is not null };
        Client = new HttpClient(handler) { BaseAddress = server.Address };
    }

    public ModelServer Server { get; }

    public HttpClient Client { get; }

    /// <summary>The settings that it started with, some of which it reads with each request.</summary>
    public ServeOptions Options { get; }

    public string Folder => _scratch.Folder;

    /// <summary>Thumbprint of the certificate that the server showed last.</summary>
    public string? Certificate { get; private set; }

    /// <summary>Serves what <paramref name="write"/> puts into the model folder.</summary>
    public static async Task<Served> StartAsync(Action<string> write, Action<ServeOptions>? set = null, ILoggerProvider? logs = null)
    {
        var options = new ServeOptions { Port = 0, Threads = 1, Log = "off" };
        set?.Invoke(options);
        var scratch = new Scratch();
        try
        {
            write(scratch.Folder);
            return new Served(scratch, await ModelServer.StartAsync(scratch.Folder, options, logs), options);
        }
        catch
        {
            scratch.Dispose();
            throw;
        }
    }

    /// <summary>Serves the model with random weights.</summary>
    public static Task<Served> RandomAsync(Action<ServeOptions>? set = null, int context = 96) =>
        StartAsync(folder => TinyModel.WriteRandom(folder, context), set);

    /// <summary>Serves the model that recites <paramref name="text"/>.</summary>
    public static Task<Served> RecitingAsync(string text) => StartAsync(folder => TinyModel.WriteReciting(folder, text));

    /// <summary>Posts JSON text and returns status and body.</summary>
    public async Task<(int Status, JsonNode Body, HttpResponseHeaders Headers)> PostAsync(string path, string body)
    {
        using var response = await Client.PostAsync(path, new StringContent(body, Encoding.UTF8, "application/json"));
        return ((int)response.StatusCode, JsonNode.Parse(await response.Content.ReadAsStringAsync())!, response.Headers);
    }

    /// <summary>Posts and expects status 200.</summary>
    public async Task<JsonNode> AnswerAsync(string path, string body)
    {
        var (status, answer, _) = await PostAsync(path, body);
        Assert.True(status == 200, answer.ToJsonString());
        return answer;
    }

    /// <summary>Posts a request with "stream": true; the events' data, [DONE] included.</summary>
    public async Task<List<string>> StreamAsync(string path, string body)
    {
        using var response = await Client.PostAsync(path, new StringContent(body));
        Assert.Equal("text/event-stream", response.Content.Headers.ContentType!.MediaType);
        var events = (await response.Content.ReadAsStringAsync()).Split("\n\n");
        Assert.Equal("", events[^1]);
        Assert.All(events[..^1], e => Assert.StartsWith("data: ", e));
        return [.. events[..^1].Select(e => e["data: ".Length..])];
    }

    /// <summary>Begins a stream and returns once its first event is there.</summary>
    public async Task<Stream> BeginStreamAsync(string path, string body, CancellationToken cancellation = default)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, path) { Content = new StringContent(body) };
        var response = await Client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, cancellation);
        var stream = await response.Content.ReadAsStreamAsync(cancellation);
        Assert.Equal((byte)'d', stream.ReadByte());
        return stream;
    }

    /// <summary>Waits until something is so.</summary>
    public static async Task Until(Func<bool> condition)
    {
        while (!condition())
            await Task.Delay(5);
    }

    /// <summary>The value of a line of /metrics, without its labels where <paramref name="name"/> has none; 0 when it is not there.</summary>
    public async Task<double> MetricAsync(string name)
    {
        var lines = (await Client.GetStringAsync("/metrics")).Split('\n');
        return lines.Where(line => line.StartsWith(name + (name.EndsWith('}') ? " " : "{"), StringComparison.Ordinal))
            .Sum(line => double.Parse(line[(line.LastIndexOf(' ') + 1)..]));
    }

    public async ValueTask DisposeAsync()
    {
        Client.Dispose();
        await Server.DisposeAsync();
        _scratch.Dispose();
    }
}
