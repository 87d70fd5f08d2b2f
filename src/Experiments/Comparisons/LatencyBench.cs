using System.Diagnostics;
using Microsoft.ML.OnnxRuntime;
using OnnxMoe.Artifacts;
using OnnxMoe.Exporter.Verification;
using OnnxMoe.Serving.Sessions;

namespace OnnxMoe.Experiments.Comparisons;

/// <summary>
/// Times exported models with the sessions that serving uses, on one sequence of held-out text: the prompt at once, then one token. The
/// models take turns and their order changes each round, so that a disturbance of the machine meets all of them.
/// </summary>
internal static class LatencyBench
{
    public static IReadOnlyList<Latency> Run(IReadOnlyList<ComparedModel> models, CompareOptions options, TextWriter log, CancellationToken cancel)
    {
        var prompt = Math.Min(options.Prompt, models.Min(model => model.Settings.Model.ContextLength) - 1);
        var runs = models.Select(model => new Timed(model, prompt, options.Threads, log)).ToArray();
        try
        {
            for (var round = -options.WarmUp; round < options.Repetitions; round++)
            {
                for (var i = 0; i < runs.Length; i++)
                {
                    cancel.ThrowIfCancellationRequested();
                    runs[(i + round + options.WarmUp) % runs.Length].Once(keep: round >= 0);
                }
            }
            return [.. runs.Select(run => run.Latency)];
        }
        finally
        {
            foreach (var run in runs)
                run.Dispose();
        }
    }

    private sealed class Timed : IDisposable
    {
        private readonly InferenceSession _runtime;
        private readonly LanguageModelSession _session;
        private readonly long[] _tokens;
        private readonly List<double> _prefill = [];
        private readonly List<double> _decode = [];

        public Timed(ComparedModel model, int prompt, int threads, TextWriter log)
        {
            var device = new Device(null);
            _tokens = HeldOutText.Load(model.Folder, model.Manifest, "", prompt + 1, log);
            if (_tokens.Length <= prompt)
                throw new UserError($"The held-out text of {model.Name} has only {_tokens.Length} tokens; Compare:Prompt must be smaller.");
            _runtime = SessionFactory.Open(Path.Combine(model.Folder, "model.onnx"), device, threads, KernelLibrary.Locate());
            _session = new LanguageModelSession(_runtime, model.Manifest.LanguageModel!, device);
        }

        public Latency Latency => new(_tokens.Length - 1, [.. _prefill], [.. _decode]);

        public void Once(bool keep)
        {
            using var cache = _session.NewCache(1);
            var prefill = Time(_tokens[..^1], cache);
            var decode = Time(_tokens[^1..], cache);
            if (!keep)
                return;
            _prefill.Add(prefill);
            _decode.Add(decode);
        }

        public void Dispose()
        {
            _runtime.Dispose();
        }

        private double Time(long[] tokens, KeyValueCache cache)
        {
            var clock = Stopwatch.StartNew();
            _session.Forward(tokens, cache).Dispose();
            return clock.Elapsed.TotalMilliseconds;
        }
    }
}
