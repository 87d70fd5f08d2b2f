using System.Globalization;
using OnnxMoe.Exporter;
using OnnxMoe.Serving;

namespace OnnxMoe.Bench.Serving;

/// <summary>
/// Tokens a second of the engine without HTTP, sampling included, on models with random weights of one size in several precisions, and beside each
/// llama.cpp on a model of the same size and class of precision, in turns.
/// </summary>
internal static class SpeedBench
{
    private const int Rounds = 3;
    private static readonly Dictionary<string, string> Classes = new() { ["fp32"] = "f32", ["fp16"] = "f16", ["int8"] = "q8_0", ["int4"] = "q4_0" };

    /// <param name="size">Of the models.</param>
    /// <param name="precisions">fp32, fp16, int8, int4.</param>
    /// <param name="prompt">Tokens of a prompt.</param>
    /// <param name="answer">Tokens of an answer.</param>
    /// <param name="runs">Runs of a round, of which the best counts.</param>
    /// <param name="llama">Path of llama.cpp's script; null leaves it out.</param>
    public static void Run(ModelSize size, string[] precisions, int prompt, int answer, int runs, string? llama)
    {
        Line($"Width {size.Width}, {size.Layers} layers, {size.Heads} heads ({size.KeyHeads} of keys), {size.Experts} experts of {size.Hidden}, top-{size.Picks}, vocabulary {size.Vocabulary}: {size.ActiveWeights / 1e6:0.0} M active weights; prompts of {prompt}, answers of {answer} tokens; tokens/s");
        Line($"{"",-16} {"prefill",9} {"decode",9} {"8 users",9}   decode by memory's limit: median of the pairs (quartiles) [GB/s read beside it]");
        foreach (var precision in precisions)
        {
            var folder = Directory.CreateTempSubdirectory("onnxmoe-bench-").FullName;
            try
            {
                RandomModel.Write(folder, size.OptionsFor(prompt + answer), size.Vocabulary, ExportTarget.OnnxMoe, Enum.Parse<WeightPrecision>(precision, ignoreCase: true));
                var gguf = Path.Combine(folder, "model.gguf");
                if (llama is not null)
                    GgufFile.Write(gguf, size, Classes[precision]);
                var (ours, theirs, pairs) = (default(Rates), default(Rates), new List<(double Share, double Reading)>());
                var bytes = size.ActiveWeights * precision switch { "fp32" => 4, "fp16" => 2, "int8" => 34.0 / 32, _ => 18.0 / 32 };
                for (var round = 0; round < Rounds; round++)
                {
                    ours = ours.Best(EngineSpeed.Measure(folder, prompt, answer, runs, new ServeOptions(), (rate, reading) => pairs.Add((rate * bytes / reading, reading))));
                    if (llama is not null)
                        theirs = theirs.Best(LlamaCpp.Run(llama, gguf, size.Vocabulary, prompt, answer, runs));
                }
                pairs.Sort();
                double Share(double quantile) => pairs[(int)(quantile * (pairs.Count - 1))].Share;
                Line($"OnnxMoe {precision,-8} {ours.Prefill,9:0} {ours.One,9:0.0} {ours.Eight,9:0.0}   {Share(0.5):0%} ({Share(0.25):0%} to {Share(0.75):0%}) [{pairs.Min(p => p.Reading) * 1e-9:0} to {pairs.Max(p => p.Reading) * 1e-9:0}]");
                if (llama is not null)
                    Line($"llama.cpp {Classes[precision],-6} {theirs.Prefill,9:0} {theirs.One,9:0.0} {theirs.Eight,9:0.0}");
                if (llama is not null)
                    Line($"{"ratio",-16} {ours.Prefill / theirs.Prefill,9:0.00} {ours.One / theirs.One,9:0.00} {ours.Eight / theirs.Eight,9:0.00}");
            }
            finally
            {
                Directory.Delete(folder, recursive: true);
            }
        }
    }

    private static void Line(FormattableString text) => Console.WriteLine(text.ToString(CultureInfo.InvariantCulture));
}
