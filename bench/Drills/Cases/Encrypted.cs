using System.Diagnostics;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using System.Text;
using OnnxMoe.Drills.Tools;

namespace OnnxMoe.Drills.Cases;

/// <summary>TLS: a thousand encrypted streams, handshakes that never end, plain HTTP on the encrypted port, garbage in place of records and of a new handshake.</summary>
internal sealed class Encrypted : IDrill
{
    private const int Streams = 1000, Each = 100;

    /// <summary>What the server gives a handshake, and how long a busy machine may take to notice that it is over.</summary>
    private const int HeaderSeconds = 5;
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    public string Name => "tls";

    public async Task<string> RunAsync(Setting setting)
    {
        using var certificate = new OwnCertificate();
        var tls = $"--Serve:Tls:Certificate={certificate.Path}";
        return $"{await CrowdAsync(setting, tls)}; {await MisbehavedAsync(setting, tls)}";
    }

    /// <summary>All handshakes at once take as long as the machine needs, so that their number and not the time decides.</summary>
    private static async Task<string> CrowdAsync(Setting setting, string tls)
    {
        var (server, questions) = await setting.StartAsync("--queue-limit", $"{Streams}", "--Serve:HeaderSeconds=600", tls);
        await using (server)
        {
            var streams = await questions.AskManyAsync(server, Streams, stream: true);
            DrillFailedException.Unless(streams[Outcome.Right] == Streams, $"{Streams} encrypted streams: {streams}.");
            var memory = server.ResidentMiB;
            await server.IdleAsync();
            return $"{Streams} encrypted streams at once: {streams} ({memory:F0} MiB)";
        }
    }

    private static async Task<string> MisbehavedAsync(Setting setting, string tls)
    {
        var (server, questions) = await setting.StartAsync($"--Serve:HeaderSeconds={HeaderSeconds}", tls);
        await using (server)
        {
            var before = server.Files;
            await HalfHandshakesAsync(server, questions);
            var plain = await AllEndAsync(server, Enumerable.Range(0, Each), (socket, i) => socket.Send(Encoding.ASCII.GetBytes(i % 2 == 0
                ? "GET /health HTTP/1.1\r\nHost: drill\r\n\r\n"
                : RawHttp.Head("/v1/completions", Questions.Body(i, false).Length) + Questions.Body(i, false))));
            var garbage = await AllEndAsync(server, Enumerable.Range(0, Each * 2), SendGarbage);
            await server.IdleAsync();
            await questions.RequireAllAsync(server, "After garbage");
            for (var i = 0; server.Files > before + 40; i++) // the client keeps some connections for its next questions
            {
                DrillFailedException.Unless(i < 600, $"{server.Files} files are open after the clients left, {before} were before.");
                await Task.Delay(100);
            }
            return $"{Each * 3} handshakes that never end, with Serve:HeaderSeconds={HeaderSeconds}: all closed by the server, the questions beside them right; {plain} x plain HTTP and {garbage} x garbage in or after a handshake: all closed, none answered;"
                + $" {server.ResidentMiB:F0} MiB; open files {before} before, {server.Files} after";
        }
    }

    /// <summary>Clients that say nothing, half of a greeting, or a greeting and no more.</summary>
    private static async Task HalfHandshakesAsync(RunningServer server, Questions questions)
    {
        var greeting = Greeting();
        List<Socket> sockets = [];
        try
        {
            foreach (var length in (int[])[0, greeting.Length / 2, greeting.Length])
                for (var i = 0; i < Each; i++)
                {
                    sockets.Add(server.Connect());
                    sockets[^1].Send(greeting.AsSpan(0, length));
                }
            await questions.RequireAllAsync(server, "Beside handshakes that never end");
            var ends = sockets.Select(socket => Task.Factory.StartNew(() => RawHttp.ReadAll(socket), TaskCreationOptions.LongRunning)).ToArray();
            await Task.WhenAny(Task.WhenAll(ends), Task.Delay(Patience));
            DrillFailedException.Unless(ends.All(end => end.IsCompleted), $"Of {sockets.Count} handshakes that never end the server has closed {ends.Count(end => end.IsCompleted)} after {Patience.TotalSeconds:F0} s.");
        }
        finally
        {
            sockets.ForEach(socket => socket.Dispose());
        }
    }

    /// <summary>Connections to each of which something is done; the server must close them and answer no request.</summary>
    private static async Task<int> AllEndAsync(RunningServer server, IEnumerable<int> numbers, Action<Socket, int> act)
    {
        var count = 0;
        foreach (var some in numbers.Chunk(Each / 4))
            count += (await Task.WhenAll(some.Select(i => Task.Factory.StartNew(() =>
            {
                using var socket = server.Connect();
                try
                {
                    act(socket, i);
                }
                catch (Exception problem) when (problem is SocketException or IOException or AuthenticationException)
                {
                    // It closes as soon as it sees what this is.
                }
                var clock = Stopwatch.StartNew();
                var answer = RawHttp.ReadAll(socket);
                DrillFailedException.Unless(clock.Elapsed < Patience, $"What was no TLS (number {i}) was kept open for {clock.Elapsed.TotalSeconds:F0} s.");
                DrillFailedException.Unless(!answer.StartsWith("HTTP/1.1 200", StringComparison.Ordinal), $"What was no TLS (number {i}) was answered: {answer}");
                return 1;
            }, TaskCreationOptions.LongRunning)))).Sum();
        return count;
    }

    /// <summary>Right up to some point, and then not: within the handshake, or after it records that are none, or a greeting in the clear that wants a new handshake.</summary>
    private static void SendGarbage(Socket socket, int i)
    {
        var random = new Random(i);
        var bytes = new byte[random.Next(20, 2000)];
        random.NextBytes(bytes);
        if (i % 5 == 0)
        {
            var greeting = Greeting();
            bytes.AsSpan(0, 8).CopyTo(greeting.AsSpan(random.Next(9, greeting.Length - 8)));
            socket.Send(greeting);
            socket.Shutdown(SocketShutdown.Send);
            return;
        }
        using var plain = new NetworkStream(socket);
        using var secure = new SslStream(plain, leaveInnerStreamOpen: true, (_, _, _, _) => true);
        secure.AuthenticateAsClient(new SslClientAuthenticationOptions { TargetHost = "localhost", EnabledSslProtocols = i % 2 == 0 ? SslProtocols.Tls12 : SslProtocols.Tls13 });
        switch (i % 5)
        {
            case 1:
                socket.Send(Greeting());
                break;
            case 2:
                Record(bytes, type: 22);
                break;
            case 3:
                Record(bytes, type: 23);
                break;
            default:
                socket.Send(bytes);
                break;
        }
        socket.Shutdown(SocketShutdown.Send);

        // Type, version, length.
        void Record(byte[] content, byte type) => socket.Send([type, 3, 3, (byte)(content.Length >> 8), (byte)content.Length, .. content]);
    }

    /// <summary>The first message of a client, as its TLS library writes it.</summary>
    private static byte[] Greeting()
    {
        using var written = new FirstWrite();
        using var secure = new SslStream(written);
        try
        {
            secure.AuthenticateAsClient("localhost");
        }
        catch (Exception problem) when (problem is IOException or AuthenticationException)
        {
            // Nobody answers.
        }
        return written.Bytes;
    }

    /// <summary>A stream that keeps what is written and ends when it is read.</summary>
    private sealed class FirstWrite : MemoryStream
    {
        public byte[] Bytes => ToArray();

        public override int Read(byte[] buffer, int offset, int count) => 0;

        public override int Read(Span<byte> buffer) => 0;
    }
}
