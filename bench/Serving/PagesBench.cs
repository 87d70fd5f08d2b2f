using System.Globalization;
using OnnxMoe.Exporter;
using OnnxMoe.Serving;

namespace OnnxMoe.Bench.Serving;

/// <summary>The engine on pages in standard operators beside the one that runs each sequence by itself, in turns, on files that native kernels do not run.</summary>
internal static class PagesBench
{
    private const int Rounds = 3;

    /// <param name="size">Of the models.</param>
    /// <param name="prompt">Tokens of a prompt.</param>
    /// <param name="answer">Tokens of an answer.</param>
    /// <param name="runs">Runs of a round, of which the best counts.</param>
    public static void Run(ModelSize size, int prompt, int answer, int runs)
    {
        Line($"Width {size.Width}, {size.Layers} layers, {size.Heads} heads ({size.KeyHeads} of keys), {size.Experts} experts of {size.Hidden}, top-{size.Picks}, vocabulary {size.Vocabulary}, fp32; prompts of {prompt}, answers of {answer} tokens; tokens/s");
        Line($"{"",-36} {"prefill",9} {"decode",9} {"8 users",9}");
        foreach (var target in new[] { ExportTarget.OnnxRuntime, ExportTarget.Onnx })
        {
            var folder = Directory.CreateTempSubdirectory("onnxmoe-bench-").FullName;
            try
            {
                RandomModel.Write(folder, size.OptionsFor(prompt + answer), size.Vocabulary, target, WeightPrecision.Fp32);
                (string Name, Func<ServeOptions> Options)[] engines =
                [
                    ("portable pages", () => new()), ("portable pages, cache of 4 GiB", () => new() { CacheSize = 4096 }), ("one by one", () => new() { Pages = "off" }),
                ];
                var best = new Rates[engines.Length];
                for (var round = 0; round < Rounds; round++)
                    for (var i = 0; i < engines.Length; i++)
                        best[i] = best[i].Best(EngineSpeed.Measure(folder, prompt, answer, runs, engines[i].Options()));
                foreach (var (engine, rates) in engines.Zip(best))
                    Line($"{$"{target}, {engine.Name}".ToLowerInvariant(),-36} {rates.Prefill,9:0} {rates.One,9:0.0} {rates.Eight,9:0.0}");
            }
            finally
            {
                Directory.Delete(folder, recursive: true);
            }
        }
    }

    private static void Line(FormattableString text) => Console.WriteLine(text.ToString(CultureInfo.InvariantCulture));
}
