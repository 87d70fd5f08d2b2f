using System.Net.Sockets;
using System.Text;
using OnnxMoe.Drills.Tools;

namespace OnnxMoe.Drills.Cases;

/// <summary>Clients that take a stream byte by byte hold nobody else up, and get the right answer in the end or lose their connection.</summary>
internal sealed class SlowReaders : IDrill
{
    private const int Readers = 100;

    public string Name => "slow-readers";

    public async Task<string> RunAsync(Setting setting)
    {
        var (server, questions) = await setting.StartAsync();
        await using (server)
        {
            var slow = new Tally();
            var readers = Enumerable.Range(0, Readers).Select(i => Task.Factory.StartNew(() => slow.Add(Read(server, questions, i)), TaskCreationOptions.LongRunning)).ToArray();
            await questions.RequireAllAsync(server, "Beside slow readers");
            await Task.WhenAll(readers);
            DrillFailedException.Unless(slow[Outcome.Wrong] == 0 && slow[Outcome.Right] + slow[Outcome.Failed] + slow[Outcome.Refused] == Readers, $"Slow readers: {slow}.");
            await server.IdleAsync();
            return $"{Readers} readers of about 1 KiB/s: {slow}; the questions beside them all right";
        }
    }

    private static Outcome Read(RunningServer server, Questions questions, int i)
    {
        try
        {
            using var socket = server.Connect();
            socket.ReceiveBufferSize = 2048;
            var body = Questions.Body(i, stream: true);
            socket.Send(Encoding.ASCII.GetBytes(RawHttp.Head("/v1/completions", body.Length) + body));
            var (answer, buffer) = (new List<byte>(), new byte[100]);
            for (int count; (count = socket.Receive(buffer)) > 0; Thread.Sleep(100))
                answer.AddRange(buffer.AsSpan(0, count));
            return JudgeChunked(questions, i, Encoding.UTF8.GetString([.. answer]));
        }
        catch (SocketException)
        {
            return Outcome.Failed;
        }
    }

    /// <summary>The events stand on lines of their own, so that the sizes of the chunks can be told from them.</summary>
    private static Outcome JudgeChunked(Questions questions, int i, string answer)
    {
        if (answer.StartsWith("HTTP/1.1 429", StringComparison.Ordinal))
            return Outcome.Refused;
        var events = answer.Split('\n').Where(line => line.StartsWith("data: ", StringComparison.Ordinal)).Select(line => line.TrimEnd('\r'));
        return questions.Judge(i, string.Join("\n\n", events) + "\n\n", stream: true);
    }
}
