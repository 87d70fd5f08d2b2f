using System.Diagnostics;
using Microsoft.Extensions.Logging.Abstractions;
using OnnxMoe.Serving;
using OnnxMoe.Serving.Generation;
using Prometheus;

namespace OnnxMoe.Bench.Serving;

/// <summary>The model behind the engine of the server, without HTTP, with some setting of the trace.</summary>
internal sealed class Contender(string name, string folder, ServeOptions options) : IDisposable
{
    private const int PromptTokens = 32;
    private const int AnswerTokens = 8;

    private readonly ServedModel _model = new(folder, options, Metrics.NewCustomRegistry(), NullLogger.Instance);

    public string Name => name;

    /// <summary>Answers a request.</summary>
    /// <returns>Seconds on the clock, and seconds of the processor.</returns>
    public (double Wall, double Cpu) Answer(int seed)
    {
        var random = new Random(seed);
        var request = new GenerationRequest([.. Enumerable.Range(0, PromptTokens).Select(_ => random.Next(250))], AnswerTokens, new SamplingSettings { Temperature = 0, IgnoreEndOfText = true });
        var (start, cpu) = (Stopwatch.GetTimestamp(), Environment.CpuUsage.TotalTime);
        Answer(request).Wait();
        return (Stopwatch.GetElapsedTime(start).TotalSeconds, (Environment.CpuUsage.TotalTime - cpu).TotalSeconds);
    }

    public void Dispose() => _model.Dispose();

    private async Task Answer(GenerationRequest request)
    {
        await foreach (var _ in _model.Language!.Engine.Generate([request], CancellationToken.None))
        {
        }
    }
}
