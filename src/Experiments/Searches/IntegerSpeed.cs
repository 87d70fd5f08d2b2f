using System.Diagnostics;
using OnnxMoe.Artifacts.Manifests;
using OnnxMoe.Artifacts.Tensors;
using OnnxMoe.Experiments.Comparisons;
using OnnxMoe.Exporter;
using OnnxMoe.Exporter.Files;
using OnnxMoe.Exporter.Verification;
using OnnxMoe.Trainer.Backbones;
using OnnxMoe.Trainer.Quantization;
using OnnxMoe.Trainer.Supernets;

namespace OnnxMoe.Experiments.Searches;

/// <summary>How much faster ONNX Runtime runs a perceptron of integers than one of floating-point numbers, whatever its weights.</summary>
internal static class IntegerSpeed
{
    private const int Rounds = 200, WarmUp = 20;

    /// <param name="width">Of the stream and of the hidden layers.</param>
    /// <param name="blocks">How many.</param>
    /// <param name="batch">Inputs at a time.</param>
    /// <returns>Median time of 32 bits over that of 8; above 1 where integers are faster.</returns>
    public static double Of(int width, int blocks, int batch)
    {
        var sizes = new ClassifierSizes(64, 1, 10);
        var folder = Directory.CreateTempSubdirectory("onnxmoe-speed-").FullName;
        try
        {
            OnnxSession[] sessions = [.. new[] { LinearPrecision.Full, new LinearPrecision(8, true) }.Select(precision =>
            {
                var options = new ModelOptions { Backbone = ModelOptions.Perceptron, Activation = "relu", Mlp = new() { Width = width, Hidden = [.. Enumerable.Repeat(width, blocks)] } };
                options.Quantization = new QuantPolicy([.. Enumerable.Repeat(precision, 2 + (2 * blocks))]).ToOptions();
                var path = Path.Combine(folder, $"{precision.Bits}.onnx");
                OnnxWriter.Save(ModelExporter.Export(new MlpClassifier(options, sizes, 1), ExportTarget.Onnx, WeightPrecision.Fp32, "speed"), path);
                return new OnnxSession(path, null, session => session.IntraOpNumThreads = 1);
            })];
            var inputs = new Dictionary<string, HostTensor>
            {
                ["features"] = HostTensor.From(Enumerable.Range(0, batch * 64).Select(i => i % 7 / 7f).ToArray(), batch, 1, 64),
                ["attention_mask"] = HostTensor.From(Enumerable.Repeat(1L, batch).ToArray(), batch, 1),
            };
            var times = sessions.Select(_ => new List<double>()).ToArray();
            for (var round = -WarmUp; round < Rounds; round++)
                for (var i = 0; i < sessions.Length; i++)
                {
                    var start = Stopwatch.GetTimestamp();
                    sessions[i].Run(inputs);
                    if (round >= 0)
                        times[i].Add(Stopwatch.GetElapsedTime(start).TotalMilliseconds);
                }
            foreach (var session in sessions)
                session.Dispose();
            return Latency.Median([.. times[0]]) / Latency.Median([.. times[1]]);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }
}
