using System.Diagnostics;
using System.Globalization;
using Microsoft.Extensions.Logging.Abstractions;
using OnnxMoe.Exporter;
using OnnxMoe.Serving;
using OnnxMoe.Serving.Generation;
using OnnxMoe.Trainer.Backbones;
using Prometheus;

namespace OnnxMoe.Bench.Serving;

/// <summary>Tokens a second of the engine without HTTP, sampling included, on a model with random weights: prompts, and answers of one user and of eight.</summary>
internal static class SpeedBench
{
    /// <param name="size">Width, layers, heads, key heads, hidden units of an expert, experts, experts a token, vocabulary.</param>
    /// <param name="precisions">How weights are stored.</param>
    /// <param name="prompt">Tokens of a prompt.</param>
    /// <param name="answer">Tokens of an answer.</param>
    /// <param name="runs">Of each the best is shown.</param>
    public static void Run(int[] size, WeightPrecision[] precisions, int prompt, int answer, int runs)
    {
        var options = new ModelOptions
        {
            HiddenSize = size[0], Layers = size[1], Heads = size[2], KvHeads = size[3], ExpertHidden = size[4], Experts = size[5], ExpertsPerToken = size[6],
            ContextLength = 1024, FirstDenseLayers = 0, SharedExperts = 0,
        };
        foreach (var precision in precisions)
        {
            var folder = Directory.CreateTempSubdirectory("onnxmoe-bench-").FullName;
            try
            {
                RandomModel.Write(folder, options, size[7], precision);
                using var model = new ServedModel(folder, new ServeOptions { PrefixReuse = "off" }, Metrics.NewCustomRegistry(), NullLogger.Instance);
                var (read, one, eight) = (0.0, 0.0, 0.0);
                for (var run = 0; run <= runs; run++)
                {
                    var times = (Time(model, 1, prompt, 1).Read, Time(model, 1, prompt, answer).Written, Time(model, 8, prompt, answer).Written);
                    if (run > 0)
                        (read, one, eight) = (Math.Max(read, times.Item1), Math.Max(one, times.Item2), Math.Max(eight, times.Item3));
                }
                Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"OnnxMoe {precision.ToString().ToLowerInvariant(),-5} prefill {read,7:0.0} decode {one,7:0.0} decode-8 {eight,7:0.0} tokens/s"));
            }
            finally
            {
                Directory.Delete(folder, recursive: true);
            }
        }
    }

    /// <summary>Prompt tokens a second until the first token of the answer, and answer tokens a second after all users have one.</summary>
    private static (double Read, double Written) Time(ServedModel model, int users, int prompt, int answer)
    {
        var requests = Enumerable.Range(0, users).Select(user => new GenerationRequest([.. Enumerable.Range(0, prompt).Select(i => (user * 31 + i * 97) % 250)], answer,
            new SamplingSettings { Temperature = 0, IgnoreEndOfText = true })
        { TopLogProbs = null }).ToArray();
        var clock = Stopwatch.GetTimestamp();
        return Measure().GetAwaiter().GetResult();

        async Task<(double, double)> Measure()
        {
            var counts = new int[users];
            var (begun, atBegin, first) = (0L, 0, 0.0);
            await foreach (var next in model.Language!.Engine.Generate(requests, CancellationToken.None))
            {
                counts[next.Sequence] += next.Tokens.Count;
                if (begun == 0 && counts.All(count => count > 0))
                    (begun, atBegin, first) = (Stopwatch.GetTimestamp(), counts.Sum(), Stopwatch.GetElapsedTime(clock).TotalSeconds);
            }
            return (users * prompt / first, (counts.Sum() - atBegin) / Stopwatch.GetElapsedTime(begun).TotalSeconds);
        }
    }
}
