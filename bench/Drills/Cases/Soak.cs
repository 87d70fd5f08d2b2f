using System.Diagnostics;
using OnnxMoe.Drills.Tools;

namespace OnnxMoe.Drills.Cases;

/// <summary>Mixed requests for a long time: right ones, mistakes, clients that leave. Memory, threads and open files must stay where they were.</summary>
internal sealed class Soak(TimeSpan length) : IDrill
{
    private const int Clients = 6;

    /// <summary>Growth that is taken for noise.</summary>
    private const double AllowedMiB = 16;

    public string Name => "soak";

    public async Task<string> RunAsync(Setting setting)
    {
        var (server, questions) = await setting.StartAsync();
        await using (server)
        {
            var (tally, clock, mistakes, left) = (new Tally(), Stopwatch.StartNew(), 0, 0);
            var clients = Enumerable.Range(0, Clients).Select(client => Task.Run(async () =>
            {
                for (var i = client; clock.Elapsed < length; i += Clients)
                {
                    if (i % 10 == 7)
                    {
                        var status = RawHttp.Send(server, "/v1/completions", "{\"prompt\": 1.5}"u8);
                        DrillFailedException.Unless(status == 400, $"A mistake got status {status}.");
                        Interlocked.Increment(ref mistakes);
                    }
                    else if (i % 10 == 3)
                    {
                        await LeaveAsync(server, i);
                        Interlocked.Increment(ref left);
                    }
                    else
                    {
                        tally.Add(await questions.AskAsync(server, i, stream: i % 2 == 0));
                    }
                }
            })).ToArray();

            List<(double Minutes, double MiB)> samples = [];
            while (clock.Elapsed < length)
            {
                await Task.WhenAny(Task.WhenAll(clients), Task.Delay(TimeSpan.FromSeconds(5)));
                DrillFailedException.Unless(!server.HasExited, "The server ended.");
                samples.Add((clock.Elapsed.TotalMinutes, server.ResidentMiB));
            }
            var (files, threads) = (server.Files, server.Threads);
            await Task.WhenAll(clients);
            await server.IdleAsync();
            var rest = samples.Where(sample => sample.Minutes > length.TotalMinutes / 4).ToArray();
            var slope = Slope(rest);
            var growth = slope * (rest[^1].Minutes - rest[0].Minutes);
            var facts = $"{length.TotalMinutes:0.#} minutes, {Clients} clients: {tally}; {mistakes:N0} mistakes refused, {left:N0} clients left; memory {rest[0].MiB:F0} MiB after a quarter, {rest[^1].MiB:F0} at the end, "
                + $"line {slope:+0.000;-0.000} MiB a minute; {threads} threads, {files} open files at the end";
            DrillFailedException.Unless(tally[Outcome.Right] > 0 && tally[Outcome.Wrong] + tally[Outcome.Failed] + tally[Outcome.Refused] == 0 && growth < AllowedMiB, facts);
            return facts;
        }
    }

    /// <summary>Asks for a stream, and goes after the first bytes.</summary>
    private static async Task LeaveAsync(RunningServer server, int i)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, "/v1/completions") { Content = new StringContent(Questions.Body(i, stream: true)) };
        using var response = await server.Client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
    }

    /// <summary>Of the line with the least squares.</summary>
    private static double Slope(IReadOnlyList<(double X, double Y)> points)
    {
        var (x, y) = (points.Average(point => point.X), points.Average(point => point.Y));
        return points.Sum(point => (point.X - x) * (point.Y - y)) / points.Sum(point => (point.X - x) * (point.X - x));
    }
}
