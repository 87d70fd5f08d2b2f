using System.Net.Sockets;
using System.Text;
using OnnxMoe.Serving.Tests.Support;

namespace OnnxMoe.Serving.Tests.Http;

/// <summary>Short forms of the drills (bench/Drills): what clients should not send, over plain sockets, and the right answer for others afterwards.</summary>
public sealed class HostileClientTests : IAsyncLifetime
{
    private const string Question = """{"prompt": "a", "max_tokens": 8, "temperature": 1, "seed": 3}""";
    private Served _served = null!;
    private string _answer = "";

    public async Task InitializeAsync()
    {
        _served = await Served.RandomAsync();
        _answer = await AskAsync();
    }

    public async Task DisposeAsync() => await _served.DisposeAsync();

    [Theory]
    [InlineData("FF")]
    [InlineData("C0AF")] // a slash in two bytes
    [InlineData("E282")] // cut off
    [InlineData("EDA080")] // half of a surrogate pair
    [InlineData("F4908080")] // beyond the last character
    public async Task TextThatIsNotUtf8IsTheClientsMistake(string bytes)
    {
        var wrong = Convert.FromHexString(bytes);
        foreach (var route in (string[])["/v1/completions", "/v1/chat/completions", "/tokenize"])
            Assert.Equal(400, Send("POST", route, [.. "{\"prompt\": \"a"u8, .. wrong, .. "\", \"messages\": [{\"role\": \"user\", \"content\": \""u8, .. wrong, .. "\"}]}"u8]));
        Assert.Equal(_answer, await AskAsync());
    }

    [Fact]
    public async Task RandomBytesAreNowhereAFailureOfTheServer()
    {
        var (random, name) = (new Random(1), _served.Server.Model.Name);
        foreach (var route in (string[])["/v1/completions", "/v1/chat/completions", "/tokenize", "/detokenize", "/v1/models", $"/v2/models/{name}/infer", "/health", "/metrics", "/", "/nothing"])
            for (var i = 0; i < 20; i++)
            {
                var body = i % 2 == 0 ? new byte[random.Next(300)] : Encoding.UTF8.GetBytes(Question);
                if (i % 2 == 0)
                    random.NextBytes(body);
                else
                    body[random.Next(body.Length)] = (byte)random.Next(256);
                Assert.InRange(Send(i % 7 == 6 ? "PATCH" : "POST", route, body), 200, 499);
            }
        Assert.Equal(_answer, await AskAsync());
    }

    [Fact]
    public async Task HalfOpenConnectionsKeepNobodyWaiting()
    {
        string[] beginnings = ["", "POST /v1/completions HTTP/1.1\r\nX-Long: ", "POST /v1/completions HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n{\"prompt\": \""];
        var sockets = Enumerable.Range(0, 60).Select(i => Connect(beginnings[i % beginnings.Length])).ToArray();
        Assert.Equal(_answer, await AskAsync());
        Assert.All(sockets, socket => socket.Dispose());
        Assert.Equal(_answer, await AskAsync());
    }

    [Fact]
    public async Task ClientsThatLeaveByAResetFreeTheirSlots()
    {
        const string body = """{"prompt": "a", "max_tokens": 90, "stream": true, "ignore_eos": true}""";
        for (var i = 0; i < 20; i++)
        {
            using var socket = Connect($"POST /v1/completions HTTP/1.1\r\nHost: x\r\nContent-Length: {body.Length}\r\n\r\n{body}");
            socket.Receive(new byte[20]);
            socket.LingerState = new(true, 0);
        }
        while (await _served.MetricAsync("onnxmoe_num_requests_running") + await _served.MetricAsync("onnxmoe_num_requests_waiting") > 0)
            await Task.Delay(10);
        Assert.Equal(_answer, await AskAsync());
    }

    private async Task<string> AskAsync() => (string)(await _served.AnswerAsync("/v1/completions", Question))["choices"]![0]!["text"]!;

    private Socket Connect(string text)
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { ReceiveTimeout = 60_000 };
        socket.Connect("127.0.0.1", _served.Server.Address.Port);
        socket.Send(Encoding.ASCII.GetBytes(text));
        return socket;
    }

    /// <summary>The status of the answer.</summary>
    private int Send(string method, string route, byte[] body)
    {
        using var socket = Connect($"{method} {route} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {body.Length}\r\n\r\n");
        socket.Send(body);
        using var reader = new StreamReader(new NetworkStream(socket), Encoding.Latin1);
        return int.Parse(reader.ReadLine()!.Split(' ')[1]);
    }
}
