using System.Globalization;
using OnnxMoe.Artifacts;
using OnnxMoe.Exporter;
using OnnxMoe.Exporter.Files;
using OnnxMoe.Trainer.Backbones;

namespace OnnxMoe.Bench.Export;

/// <summary>
/// Times the export targets side by side: one language model with random weights, exported for each, the same ONNX Runtime and
/// threads, taking turns.
/// </summary>
internal static class TargetBench
{
    public static void Run(double seconds)
    {
        var options = new ModelOptions { Layers = 4, HiddenSize = 256, Heads = 8, KvHeads = 4, ContextLength = 512, Experts = 16, ExpertsPerToken = 4, ExpertHidden = 256 };
        var model = new DecoderLm(options, 4096, seed: 1);
        var folder = Directory.CreateTempSubdirectory("onnxmoe-bench-").FullName;
        try
        {
            string Export(ExportTarget target, WeightPrecision precision)
            {
                var path = Path.Combine(folder, $"{target}-{precision}", "model.onnx");
                OnnxWriter.Save(ModelExporter.Export(model, target, precision, "bench"), path);
                return path;
            }

            var kernels = KernelLibrary.Locate();
            Contender[] contenders =
            [
                new("onnxmoe", model, Export(ExportTarget.OnnxMoe, WeightPrecision.Fp32), kernels),
                new("onnxmoe fp16", model, Export(ExportTarget.OnnxMoe, WeightPrecision.Fp16), kernels),
                new("onnx", model, Export(ExportTarget.Onnx, WeightPrecision.Fp32)),
                new("onnxruntime", model, Export(ExportTarget.OnnxRuntime, WeightPrecision.Fp32)),
            ];
            Console.WriteLine($"4 layers, 256 wide, 16 experts of 256 hidden units and a shared one, top-4, {Contender.Threads} threads; median milliseconds");
            Console.WriteLine($"{"",-28} {string.Join(' ', contenders.Select(c => c.Name.PadLeft(13)))}");
            foreach (var (name, past, length) in new[] { ("prefill of 128 tokens", 0, 128), ("one token after 128", 128, 1), ("one token after 400", 400, 1) })
            {
                foreach (var contender in contenders)
                    contender.Prepare(past, length);
                var times = contenders.Select(_ => new List<double>()).ToArray();
                var end = DateTime.UtcNow.AddSeconds(seconds);
                while (DateTime.UtcNow < end || times[0].Count < 10)
                {
                    for (var i = 0; i < contenders.Length; i++)
                        times[i].Add(contenders[i].Milliseconds());
                }
                Console.WriteLine($"{name,-28} {string.Join(' ', times.Select(t => t.Order().ElementAt(t.Count / 2).ToString("0.00", CultureInfo.InvariantCulture).PadLeft(13)))}");
            }
            foreach (var contender in contenders)
                contender.Dispose();
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }
}
