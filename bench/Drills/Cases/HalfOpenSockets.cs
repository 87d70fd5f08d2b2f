using System.Net.Sockets;
using System.Text;
using OnnxMoe.Drills.Tools;

namespace OnnxMoe.Drills.Cases;

/// <summary>Connections that say nothing, headers that never end, bodies that never end: the others are served, and what was opened is closed.</summary>
internal sealed class HalfOpenSockets : IDrill
{
    private const int Each = 200;

    public string Name => "half-open";

    public async Task<string> RunAsync(Setting setting)
    {
        var (server, questions) = await setting.StartAsync();
        await using (server)
        {
            var before = server.Files;
            string[] beginnings = ["", "POST /v1/completions HTTP/1.1\r\nHost: drill\r\nX-Long: ", RawHttp.Head("/v1/completions", 100_000) + "{\"prompt\": \""];
            List<Socket> sockets = [];
            try
            {
                foreach (var beginning in beginnings)
                    for (var i = 0; i < Each; i++)
                    {
                        sockets.Add(server.Connect());
                        sockets[^1].Send(Encoding.ASCII.GetBytes(beginning));
                    }
                await questions.RequireAllAsync(server, "Beside half-open sockets");
                await Task.Delay(TimeSpan.FromSeconds(40)); // Kestrel gives headers 30 seconds, and a body 240 bytes a second
                var closed = sockets.Count(socket => socket.Poll(0, SelectMode.SelectRead));
                await questions.RequireAllAsync(server, "Forty seconds later");
                DrillFailedException.Unless(closed >= Each, $"Of {sockets.Count} half-open sockets the server has closed {closed} after 40 seconds.");
                sockets.ForEach(socket => socket.Dispose());
                await server.IdleAsync();
                for (var i = 0; server.Files > before + 20; i++)
                {
                    DrillFailedException.Unless(i < 100, $"{server.Files} files are open after the clients left, {before} were before.");
                    await Task.Delay(100);
                }
                return $"{sockets.Count} sockets; {closed} closed by the server within 40 s, the rest with their clients; open files {before} before, {server.Files} after";
            }
            finally
            {
                sockets.ForEach(socket => socket.Dispose());
            }
        }
    }
}
