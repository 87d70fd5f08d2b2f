using System.Diagnostics;
using Microsoft.ML.OnnxRuntime;
using OnnxMoe.Artifacts.Tensors;
using OnnxMoe.Exporter;
using OnnxMoe.Exporter.Files;
using OnnxMoe.Exporter.Verification;
using OnnxMoe.Trainer.Backbones;

namespace OnnxMoe.Supernets;

/// <summary>
/// Measures what a model takes for one input in ONNX Runtime: exports it, runs it unmeasured for a while, then times each run. Nothing is estimated from sizes.
/// </summary>
/// <param name="inputOf">A tensor for each of a model's inputs.</param>
/// <param name="options">Threads and repetitions.</param>
public sealed class LatencyMeter(Func<Model, IReadOnlyDictionary<string, HostTensor>> inputOf, SearchOptions options)
{
    /// <summary>Of one model.</summary>
    public Timing Measure(Model model) => MeasureTogether([model])[0];

    /// <summary>Of several models, which take turns, so that a disturbance of the machine meets all.</summary>
    public IReadOnlyList<Timing> MeasureTogether(IReadOnlyList<Model> models)
    {
        var folder = Directory.CreateTempSubdirectory("onnxmoe-search-").FullName;
        try
        {
            return Measure([.. models.Select((model, i) =>
            {
                var path = Path.Combine(folder, $"{i}", "model.onnx");
                Directory.CreateDirectory(Path.GetDirectoryName(path)!);
                OnnxWriter.Save(ModelExporter.Export(model, ExportTarget.Onnx, WeightPrecision.Fp32, "subnet"), path);
                return path;
            })], [.. models.Select(inputOf)]);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private IReadOnlyList<Timing> Measure(IReadOnlyList<string> files, IReadOnlyList<IReadOnlyDictionary<string, HostTensor>> inputs)
    {
        OnnxSession[] sessions = [.. files.Select(file => new OnnxSession(file, null, Configure))];
        try
        {
            Rounds(options.WarmUp);
            return [.. Rounds(options.Repetitions).Select(Timing.Of)];
        }
        finally
        {
            foreach (var session in sessions)
                session.Dispose();
        }

        // A few runs of a small model are over before the processor has its speed, and before .NET has compiled the calls for good.
        List<double>[] Rounds(int count)
        {
            var times = files.Select(_ => new List<double>()).ToArray();
            var begin = Stopwatch.GetTimestamp();
            for (var round = 0; round < count || Stopwatch.GetElapsedTime(begin).TotalMilliseconds < options.Milliseconds * sessions.Length; round++)
            {
                for (var i = 0; i < sessions.Length; i++)
                {
                    var start = Stopwatch.GetTimestamp();
                    sessions[i].Run(inputs[i]);
                    times[i].Add(Stopwatch.GetElapsedTime(start).TotalMilliseconds);
                }
            }
            return times;
        }
    }

    private void Configure(SessionOptions session) => session.IntraOpNumThreads = options.Threads == 0 ? Environment.ProcessorCount : options.Threads;
}
