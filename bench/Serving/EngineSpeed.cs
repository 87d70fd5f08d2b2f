using System.Diagnostics;
using Microsoft.Extensions.Logging.Abstractions;
using OnnxMoe.Serving;
using OnnxMoe.Serving.Generation;
using Prometheus;

namespace OnnxMoe.Bench.Serving;

/// <summary>Tokens a second of the engine without HTTP, sampling included.</summary>
internal static class EngineSpeed
{
    // So long .NET compiles, with a thread of its own, what it finds to be used much; a server has that behind it.
    private static readonly TimeSpan WarmUp = TimeSpan.FromSeconds(10);
    private const int Pairs = 10;
    private static bool _isWarm;

    /// <param name="folder">The model's.</param>
    /// <param name="prompt">Tokens of a prompt.</param>
    /// <param name="answer">Tokens of an answer.</param>
    /// <param name="runs">The best counts.</param>
    /// <param name="options">How it is served.</param>
    /// <param name="decoded">Told what one user got in each of many short answers, and how fast memory was read just before and after, in bytes a second.</param>
    public static Rates Measure(string folder, int prompt, int answer, int runs, ServeOptions options, Action<double, double>? decoded = null)
    {
        options.PrefixReuse = "off";
        using var model = new ServedModel(folder, options, Metrics.NewCustomRegistry(), NullLogger.Instance);
        for (var start = Stopwatch.GetTimestamp(); !_isWarm && Stopwatch.GetElapsedTime(start) < WarmUp;)
            Time(model, 8, prompt, answer);
        _isWarm = true;
        var best = default(Rates);
        for (var run = 0; run <= runs; run++) // the first meets weights that are not in any cache, and is seldom the best
            best = best.Best(new(Time(model, 1, prompt, 1).Prefill, Time(model, 1, prompt, answer).Decode, Time(model, 8, prompt, answer).Decode));
        if (decoded is null)
            return best;
        using var memory = new ReadBandwidth();
        for (var (pair, before) = (0, memory.Measure(1)); pair < Pairs; pair++)
        {
            var rate = Time(model, 1, prompt, answer).Decode;
            var after = memory.Measure(1);
            decoded(rate, (before + after) / 2 * 1e9);
            before = after;
        }
        return best;
    }

    /// <summary>Prompt tokens a second until all users have their first token, and answer tokens a second from then on.</summary>
    private static (double Prefill, double Decode) Time(ServedModel model, int users, int prompt, int answer)
    {
        var requests = Enumerable.Range(0, users).Select(user => new GenerationRequest([.. Enumerable.Range(0, prompt).Select(i => (user * 31 + i * 97) % 250)], answer,
            new SamplingSettings { Temperature = 0, IgnoreEndOfText = true })
        { TopLogProbs = null }).ToArray();
        return Measure().GetAwaiter().GetResult();

        async Task<(double, double)> Measure()
        {
            var start = Stopwatch.GetTimestamp();
            var counts = new int[users];
            var (begun, before, first) = (0L, 0, 0.0);
            await foreach (var next in model.Language!.Engine.Generate(requests, CancellationToken.None))
            {
                counts[next.Sequence] += next.Tokens.Count;
                if (begun == 0 && counts.All(count => count > 0))
                    (begun, before, first) = (Stopwatch.GetTimestamp(), counts.Sum(), Stopwatch.GetElapsedTime(start).TotalSeconds);
            }
            return (users * prompt / first, (counts.Sum() - before) / Stopwatch.GetElapsedTime(begun).TotalSeconds);
        }
    }
}
