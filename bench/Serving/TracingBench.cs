using System.Diagnostics;
using System.Globalization;
using Microsoft.Extensions.Logging.Abstractions;
using OnnxMoe.Exporter;
using OnnxMoe.Serving;
using OnnxMoe.Serving.Generation;
using OnnxMoe.Trainer.Backbones;
using Prometheus;

namespace OnnxMoe.Bench.Serving;

/// <summary>
/// What recording the routing of a request costs the server: a language model with random weights, behind the engine without HTTP, traces every
/// second request; each is compared with the one before it. (Two servers, one with and one without a trace, differ by more than that, since their
/// weights lie elsewhere in memory.) A server that traces a fraction of the requests pays that fraction of the cost: of the others it only asks
/// whether they are in the sample.
/// </summary>
internal static class TracingBench
{
    private const int WarmUps = 60;
    private const int PromptTokens = 32;
    private const int AnswerTokens = 8;

    public static void Run(double seconds)
    {
        var folder = Directory.CreateTempSubdirectory("onnxmoe-bench-").FullName;
        try
        {
            RandomModel.Write(folder, new ModelOptions { Layers = 4, HiddenSize = 256, Heads = 8, KvHeads = 4, ContextLength = 512, Experts = 16, ExpertsPerToken = 4, ExpertHidden = 256 },
                4096, ExportTarget.OnnxMoe, WeightPrecision.Fp32);
            var options = new ServeOptions { Trace = "on", TraceFraction = 0.5, Threads = 1 }; // the sample takes the requests 2, 4, ...
            using var model = new ServedModel(folder, options, Metrics.NewCustomRegistry(), NullLogger.Instance);
            var pairs = new List<(Time Plain, Time Traced)>();
            var end = DateTime.MaxValue;
            for (var pair = -WarmUps; pair < 100 || DateTime.UtcNow < end; pair++)
            {
                if (pair == 0)
                    end = DateTime.UtcNow.AddSeconds(seconds);
                var times = (Answer(model, 2 * pair), Answer(model, (2 * pair) + 1));
                if (pair >= 0)
                    pairs.Add(times);
            }
            Console.WriteLine($"4 layers, 256 wide, 16 experts of 256 hidden units, top-4; {pairs.Count} pairs of requests of {PromptTokens} + {AnswerTokens} tokens, 1 thread; milliseconds");
            Console.WriteLine($"{"",-14} {"not traced",12} {"traced",12} {"ratio",8} {"median of the pairs' ratios",28}");
            Print("clock", time => time.Clock);
            Print("processor", time => time.Processor);

            void Print(string name, Func<Time, double> of)
            {
                var (plain, traced) = (Median(pair => of(pair.Plain)), Median(pair => of(pair.Traced)));
                Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{name,-14} {1e3 * plain,12:0.00} {1e3 * traced,12:0.00} {traced / plain,8:0.0000} {Median(pair => of(pair.Traced) / of(pair.Plain)),28:0.0000}"));
            }

            double Median(Func<(Time Plain, Time Traced), double> of) => pairs.Select(of).Order().ElementAt(pairs.Count / 2);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static Time Answer(ServedModel model, int seed)
    {
        var random = new Random(seed);
        var request = new GenerationRequest([.. Enumerable.Range(0, PromptTokens).Select(_ => random.Next(250))], AnswerTokens, new SamplingSettings { Temperature = 0, IgnoreEndOfText = true });
        var (clock, processor) = (Stopwatch.GetTimestamp(), Environment.CpuUsage.TotalTime);
        Read().Wait();
        return new(Stopwatch.GetElapsedTime(clock).TotalSeconds, (Environment.CpuUsage.TotalTime - processor).TotalSeconds);

        async Task Read()
        {
            await foreach (var _ in model.Language!.Engine.Generate([request], CancellationToken.None))
            {
            }
        }
    }

    /// <summary>Seconds of a request.</summary>
    private readonly record struct Time(double Clock, double Processor);
}
