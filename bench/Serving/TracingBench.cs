using System.Globalization;
using OnnxMoe.Artifacts;
using OnnxMoe.Artifacts.Manifests;
using OnnxMoe.Artifacts.Tokenizers;
using OnnxMoe.Exporter;
using OnnxMoe.Exporter.Files;
using OnnxMoe.Serving;
using OnnxMoe.Trainer.Backbones;

namespace OnnxMoe.Bench.Serving;

/// <summary>
/// What recording a routing trace costs the server: one language model with random weights, served without a trace and with traces of a part and
/// of all requests, taking turns request by request. Twenty requests of each are a round, of which a fraction of 0.05 is one; the rounds are compared.
/// </summary>
internal static class TracingBench
{
    private const int WarmUps = 3;
    private const int Requests = 20;

    public static void Run(double seconds)
    {
        var folder = Directory.CreateTempSubdirectory("onnxmoe-bench-").FullName;
        try
        {
            WriteModel(folder);
            Contender Open(string name, string trace, double fraction) => new(name, folder, new ServeOptions
            {
                Trace = trace,
                TraceFraction = fraction,
                TraceFile = string.Create(CultureInfo.InvariantCulture, $"trace-{fraction}.bin"),
                Slots = 8,
                Threads = 1, // the pools of sessions that wait would disturb the one that runs
            });
            Contender[] contenders = [Open("off", "off", 0), Open("0.05", "on", 0.05), Open("1", "on", 1)];
            var rounds = new List<(double Wall, double Cpu)[]>();
            var end = DateTime.MaxValue;
            for (var round = -WarmUps; round < 10 || DateTime.UtcNow < end; round++)
            {
                if (round == 0)
                    end = DateTime.UtcNow.AddSeconds(seconds);
                var times = new (double Wall, double Cpu)[contenders.Length];
                for (var i = 0; i < Requests * contenders.Length; i++)
                {
                    var (request, number) = (i / contenders.Length, (i + (i / contenders.Length)) % contenders.Length); // another one begins each time
                    var (wall, cpu) = contenders[number].Answer(request);
                    times[number] = (times[number].Wall + wall, times[number].Cpu + cpu);
                }
                if (round >= 0)
                    rounds.Add(times);
            }
            Console.WriteLine($"4 layers, 256 wide, 16 experts of 256 hidden units, top-4; {rounds.Count} rounds of {Requests} requests; medians, and medians of the ratios to the round without a trace");
            Console.WriteLine($"{"traced requests",-16} {"seconds",10} {"ratio",8} {"CPU seconds",12} {"ratio",8}");
            for (var i = 0; i < contenders.Length; i++)
            {
                var number = i;
                Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
                    $"{contenders[i].Name,-16} {Median(round => round[number].Wall),10:0.000} {Median(round => round[number].Wall / round[0].Wall),8:0.0000} {Median(round => round[number].Cpu),12:0.000} {Median(round => round[number].Cpu / round[0].Cpu),8:0.0000}"));
                contenders[i].Dispose();
            }

            double Median(Func<(double Wall, double Cpu)[], double> of) => rounds.Select(of).Order().ElementAt(rounds.Count / 2);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static void WriteModel(string folder)
    {
        var options = new ModelOptions { Layers = 4, HiddenSize = 256, Heads = 8, KvHeads = 4, ContextLength = 512, Experts = 16, ExpertsPerToken = 4, ExpertHidden = 256 };
        var model = new DecoderLm(options, 4096, seed: 1);
        var names = OnnxWriter.Save(ModelExporter.Export(model, ExportTarget.OnnxMoe, WeightPrecision.Fp32, "bench"), Path.Combine(folder, "model.onnx"));
        new ModelManifest(ModelManifest.CurrentFormat, "bench", ModelManifest.CausalLanguageModel, DateTimeOffset.UnixEpoch, new ParameterCount(1, 1))
        {
            LanguageModel = new LanguageModelSizes(4096, options.ContextLength, options.Layers, options.HiddenSize, options.Heads, options.KvHeads, options.HiddenSize / options.Heads, ByteTokenizer.Name, 256),
            MoeLayers = [.. model.RoutedLayers.Select(layer => new MoeLayerSizes(layer.Number, options.Experts, options.ExpertsPerToken, options.ExpertHidden, true, 0, 1, 1))],
            Exports = [new ExportRecord("onnxmoe", "fp32", "model.onnx", [])],
        }.WithFiles(folder, names).Save(folder);
    }
}
