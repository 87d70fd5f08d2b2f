using System.Diagnostics;
using System.Net.Sockets;
using OnnxMoe.Drills.Tools;

namespace OnnxMoe.Drills.Cases;

/// <summary>
/// Mixed requests for a long time in a small managed heap: right ones, mistakes, clients that leave. After a warm-up the memory must not grow with the
/// requests, and threads and open files must stay where they were.
/// </summary>
internal sealed class Soak(TimeSpan length) : IDrill
{
    private const int Clients = 6, HeapMiB = 64;

    /// <summary>Growth of the resident memory by the line of least squares, bytes a request: half of what a leak of 1 KiB a request would be.</summary>
    private const double AllowedBytes = 512;

    /// <summary>Growth in all that is no leak, MiB: a region of the managed heap, or an arena of malloc that is used for the first time, is as large.</summary>
    private const double NoiseMiB = 4;

    /// <summary>Threads and files that may come.</summary>
    private const int AllowedMore = 20;

    public string Name => "soak";

    public async Task<string> RunAsync(Setting setting)
    {
        var (server, questions) = await (setting with { HeapMiB = HeapMiB }).StartAsync();
        await using (server)
        {
            var (load, clock) = (new Load(server, questions), Stopwatch.StartNew());
            var clients = Task.WhenAll(Enumerable.Range(0, Clients).Select(client => Task.Run(() => load.RunAsync(client, () => clock.Elapsed < length))));
            var (samples, warm, minute) = (new List<Sample>(), (Files: 0, Threads: 0), 0);
            while (clock.Elapsed < length && !clients.IsCompleted)
            {
                await Task.WhenAny(clients, Task.Delay(TimeSpan.FromSeconds(5)));
                if (server.HasExited)
                {
                    var (code, error) = server.Ended();
                    throw new DrillFailedException($"After {clock.Elapsed.TotalMinutes:F1} minutes and {load.Requests:N0} requests the server ended with code {code}: {error}");
                }
                if (clock.Elapsed < length / 4)
                    warm = (server.Files, server.Threads);
                else
                    samples.Add(new(clock.Elapsed.TotalMinutes, load.Requests, server.ResidentMiB));
                if (clock.Elapsed.TotalMinutes < minute)
                    continue;
                await Console.Error.WriteLineAsync($"soak, minute {minute++}: {load.Requests:N0} requests; server {server.ResidentMiB:F1} MiB resident, managed heap {await server.MetricAsync("onnxmoe_managed_heap_bytes") / (1 << 20):F1}"
                    + $" of {await server.MetricAsync("onnxmoe_managed_committed_bytes") / (1 << 20):F1} MiB committed, {server.Threads} threads, {server.Files} files; this process {Environment.WorkingSet >> 20} MiB");
            }
            await clients;
            await server.IdleAsync();
            var (files, threads) = (server.Files, server.Threads);
            var perMinute = Slope(samples, sample => sample.Minutes);
            var perRequest = Slope(samples, sample => sample.Requests) * (1 << 20);
            var (first, last) = (samples[0], samples[^1]);
            var limit = Math.Max(AllowedBytes, NoiseMiB * (1 << 20) / (last.Requests - first.Requests));
            var facts = $"{length.TotalMinutes:0.#} minutes, {Clients} clients, heap of {HeapMiB} MiB: {load}; from minute {first.Minutes:F0} on {last.Requests - first.Requests:N0} requests, memory {first.MiB:F1} MiB at first, {last.MiB:F1} at the end, "
                + $"line {perMinute:+0.000;-0.000} MiB a minute, {perRequest:+0;-0} bytes a request (limit {limit:F0}); {threads} threads ({warm.Threads} before), {files} open files ({warm.Files})";
            DrillFailedException.Unless(load.Answers[Outcome.Right] > 0 && load.Answers.OnlyRight, facts);
            DrillFailedException.Unless(perRequest < limit, $"The memory grows: {facts}");
            DrillFailedException.Unless(threads <= warm.Threads + AllowedMore && files <= warm.Files + AllowedMore, $"Threads or files are left: {facts}");
            return facts;
        }
    }

    /// <summary>Of the line with the least squares, MiB a unit of x.</summary>
    private static double Slope(List<Sample> samples, Func<Sample, double> of)
    {
        var (x, y) = (samples.Average(of), samples.Average(sample => sample.MiB));
        return samples.Sum(sample => (of(sample) - x) * (sample.MiB - y)) / samples.Sum(sample => (of(sample) - x) * (of(sample) - x));
    }

    private readonly record struct Sample(double Minutes, long Requests, double MiB);

    /// <summary>What the clients do.</summary>
    private sealed class Load(RunningServer server, Questions questions)
    {
        private long _mistakes, _left, _requests;

        /// <summary>How the plain questions ended.</summary>
        public Tally Answers { get; } = new();

        /// <summary>Requests of all kinds so far.</summary>
        public long Requests => Interlocked.Read(ref _requests);

        public override string ToString() => $"{Answers}; {_mistakes:N0} mistakes refused, {_left:N0} clients left";

        /// <summary>One client, one request after the other.</summary>
        public async Task RunAsync(int client, Func<bool> goesOn)
        {
            for (var i = client; goesOn(); i += Clients)
            {
                if (i % 10 == 7)
                {
                    var status = Mistake();
                    DrillFailedException.Unless(status == 400, $"A mistake got status {status}.");
                    Interlocked.Increment(ref _mistakes);
                }
                else if (i % 10 == 3)
                {
                    await LeaveAsync(i);
                    Interlocked.Increment(ref _left);
                }
                else
                {
                    Answers.Add(await questions.AskAsync(server, i, stream: i % 2 == 0));
                }
                Interlocked.Increment(ref _requests);
            }
        }

        private int Mistake()
        {
            try
            {
                return RawHttp.Send(server, "/v1/completions", "{\"prompt\": 1.5}"u8);
            }
            catch (SocketException)
            {
                return 0;
            }
        }

        /// <summary>Asks for a stream, and goes after the first bytes.</summary>
        private async Task LeaveAsync(int i)
        {
            try
            {
                using var request = new HttpRequestMessage(HttpMethod.Post, "/v1/completions") { Content = new StringContent(Questions.Body(i, stream: true)) };
                using var response = await server.Client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
            }
            catch (HttpRequestException)
            {
                Answers.Add(Outcome.Failed);
            }
        }
    }
}
