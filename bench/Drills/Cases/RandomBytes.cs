using System.Net.Sockets;
using System.Text;
using OnnxMoe.Drills.Tools;

namespace OnnxMoe.Drills.Cases;

/// <summary>Random bytes as bodies of every route, mutated requests, and random bytes instead of HTTP.</summary>
internal sealed class RandomBytes : IDrill
{
    private const int EachRoute = 60, Plain = 500;

    public string Name => "random-bytes";

    public async Task<string> RunAsync(Setting setting)
    {
        var (server, questions) = await setting.StartAsync();
        await using (server)
        {
            var random = new Random(1);
            var name = Path.GetFileName(setting.Model);
            string[] routes = ["/v1/completions", "/v1/chat/completions", "/tokenize", "/detokenize", "/v1/models", $"/v1/models/{name}", "/v2", "/v2/health/live", $"/v2/models/{name}",
                $"/v2/models/{name}/infer", $"/v2/models/{name}/versions/1/infer", "/health", "/metrics", "/version", "/", "/admin/placement", "/admin/reload", "/nothing"];
            var statuses = new SortedDictionary<int, int>();
            foreach (var route in routes)
                for (var i = 0; i < EachRoute; i++)
                {
                    var status = RawHttp.Send(server, route, i % 2 == 0 ? Bytes(random, random.Next(2000)) : Mutated(random), i % 10 == 9 ? "PATCH" : "POST");
                    statuses[status] = statuses.GetValueOrDefault(status) + 1;
                    DrillFailedException.Unless(status is >= 200 and < 500, $"{route} answered random bytes with status {status}.");
                }
            for (var i = 0; i < Plain; i++)
                SendPlain(server, Bytes(random, random.Next(500)));
            await server.IdleAsync();
            await questions.RequireAllAsync(server, "After random bytes");
            return $"{routes.Length} routes, {statuses.Values.Sum()} requests: {string.Join(", ", statuses.Select(pair => $"{pair.Value} x {pair.Key}"))}; {Plain} connections that are no HTTP";
        }
    }

    private static byte[] Bytes(Random random, int count)
    {
        var bytes = new byte[count];
        random.NextBytes(bytes);
        return bytes;
    }

    /// <summary>A request of which a few bytes were replaced.</summary>
    private static byte[] Mutated(Random random)
    {
        var body = Encoding.UTF8.GetBytes(Questions.Body(random.Next(16), stream: false));
        for (var i = random.Next(1, 6); i > 0; i--)
            body[random.Next(body.Length)] = (byte)random.Next(256);
        return body;
    }

    private static void SendPlain(RunningServer server, byte[] bytes)
    {
        using var socket = server.Connect();
        try
        {
            socket.Send(bytes);
            socket.Shutdown(SocketShutdown.Send);
            RawHttp.ReadAll(socket);
        }
        catch (SocketException)
        {
            // It may close as soon as it sees that this is no HTTP.
        }
    }
}
