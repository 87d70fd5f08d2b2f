using System.Diagnostics;
using System.Globalization;
using OnnxMoe.Artifacts;
using OnnxMoe.Artifacts.Routing;
using OnnxMoe.Exporter;
using OnnxMoe.Exporter.Files;
using OnnxMoe.Trainer.Backbones;
using OnnxMoe.Trainer.Data;
using OnnxMoe.Trainer.Layers;
using OnnxMoe.Trainer.Training;

namespace OnnxMoe.Bench.Export;

/// <summary>
/// Times every kind of routed layer against the plain one, in training and in ONNX Runtime, taking turns in one process, and divides
/// by what their FLOPs explain: 1 is as fast as the plain layer would be with as many FLOPs. Layers whose tokens use fewer experts
/// than they may are counted with the experts that their tokens did use.
/// </summary>
internal static class RouterBench
{
    private const int Vocabulary = 257;
    private const int Length = 128;
    private const int Rows = 8;

    public static void Run(double seconds)
    {
        var folder = Directory.CreateTempSubdirectory("onnxmoe-bench-").FullName;
        try
        {
            TorchSharp.torch.set_num_threads(Contender.Threads);
            var kernels = KernelLibrary.Locate();
            var entries = RouterContenders.All.Select(contender => new Entry(contender.Name, contender.Change)).ToArray();
            Console.WriteLine($"Training, {Rows} x {Length} tokens a step");
            TakeTurns(entries, seconds, entry => entry.Train(), (entry, time) => entry.TrainTime = time);
            foreach (var entry in entries)
                entry.Export(folder, kernels);
            foreach (var (past, length) in new[] { (0, Length), (Length, 1) })
            {
                Console.WriteLine($"ONNX Runtime, {length} tokens after {past}");
                foreach (var entry in entries)
                    entry.Session.Prepare(past, length);
                TakeTurns(entries, seconds, entry => entry.Session.Milliseconds(), (entry, time) =>
                {
                    if (past == 0)
                        entry.PrefillTime = time;
                    else
                        entry.DecodeTime = time;
                });
            }
            Print(entries);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static void TakeTurns(Entry[] entries, double seconds, Func<Entry, double> run, Action<Entry, double> keep)
    {
        foreach (var entry in entries)
            run(entry);
        var times = entries.Select(_ => new List<double>()).ToArray();
        var clock = Stopwatch.StartNew();
        while (clock.Elapsed.TotalSeconds < seconds * entries.Length || times[0].Count < 7)
        {
            for (var i = 0; i < entries.Length; i++)
                times[i].Add(run(entries[i]));
        }
        for (var i = 0; i < entries.Length; i++)
            keep(entries[i], times[i].Order().ElementAt(times[i].Count / 2));
    }

    private static void Print(Entry[] entries)
    {
        var plain = entries[0];
        Console.WriteLine();
        Console.WriteLine("| layer | active experts | MFLOPs a token | training ms | / FLOPs | prefill ms | / FLOPs | decode ms | / FLOPs |");
        Console.WriteLine("| --- | --- | --- | --- | --- | --- | --- | --- | --- |");
        foreach (var entry in entries)
        {
            double Explained(Func<Entry, double> time, double attended) => time(entry) / time(plain) / (entry.Flops(attended) / plain.Flops(attended));
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
                $"| {entry.Name} | {entry.ActiveExperts:F2} | {entry.Flops(Length / 2) / 1e6:F2} | {entry.TrainTime:F1} | {Explained(e => e.TrainTime, Length / 2):F2} | {entry.PrefillTime:F2} | {Explained(e => e.PrefillTime, Length / 2):F2} | {entry.DecodeTime:F3} | {Explained(e => e.DecodeTime, Length):F2} |"));
        }
    }

    /// <summary>One kind of layer in a language model.</summary>
    private sealed class Entry
    {
        private readonly DecoderLm _model;
        private readonly LanguageModelStep _step;
        private readonly TokenStream _tokens;
        private IReadOnlyDictionary<RoutingSite, double>? _active;
        private int _steps;

        public Entry(string name, Action<ModelOptions> change)
        {
            var options = RouterContenders.Plain();
            change(options);
            options.Check();
            Name = name;
            _model = new DecoderLm(options, Vocabulary, seed: 1);
            var trainer = new TrainerOptions { Steps = 1000, BatchSize = Rows, WarmupSteps = 10 };
            var random = new Random(1);
            _tokens = new TokenStream("random", [.. Enumerable.Range(0, 20000).Select(_ => random.Next(Vocabulary))]);
            var domain = new TextDomain("random", 1, _tokens, _tokens, _tokens);
            _step = new LanguageModelStep(_model, new WeightOptimizer(_model.Weights, trainer), new TrainingMix([domain]), trainer, 1, Length, null);
        }

        public string Name { get; }

        public Contender Session { get; private set; } = null!;

        public double TrainTime { get; set; }

        public double PrefillTime { get; set; }

        public double DecodeTime { get; set; }

        public double ActiveExperts => _active!.Values.Average();

        public double Train()
        {
            var start = Stopwatch.GetTimestamp();
            _step.Run(_steps++);
            return Stopwatch.GetElapsedTime(start).TotalMilliseconds;
        }

        public void Export(string folder, string? kernels)
        {
            var domain = new TextDomain("random", 1, _tokens, _tokens, _tokens);
            var measured = new Evaluator(_model, [domain], Rows, Length, 2048, null).Run();
            _active = _model.RoutedLayers.Zip(measured.ActiveExperts).ToDictionary(layer => layer.First.Site, layer => layer.Second);
            var path = Path.Combine(folder, Name.Replace(' ', '-'), "model.onnx");
            OnnxWriter.Save(ModelExporter.Export(_model, ExportTarget.OnnxMoe, WeightPrecision.Fp32, "bench"), path);
            Session = new Contender(Name, _model, path, kernels);
        }

        public double Flops(double attended) => ModelCost.Flops(_model, new CostContext(attended) { ActiveExperts = _active }).Sum(cost => cost.Flops);
    }
}
