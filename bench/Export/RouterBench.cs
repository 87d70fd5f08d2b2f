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
/// by what their FLOPs explain: the time of the plain layer with as many FLOPs, on a line through its times with the fewest and the most
/// experts. Layers whose tokens use fewer experts than they may are counted with the experts that their tokens did use.
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
        var (least, most) = (entries[0], entries[RouterContenders.PlainOnes - 1]);
        Console.WriteLine();
        Console.WriteLine("| layer | active experts | MFLOPs a token | training ms | / FLOPs | prefill ms | / FLOPs | decode ms | / FLOPs |");
        Console.WriteLine("| --- | --- | --- | --- | --- | --- | --- | --- | --- |");
        foreach (var entry in entries)
        {
            double Ratio(Func<Entry, double> time, Func<Entry, double> flops)
            {
                var share = (flops(entry) - flops(least)) / (flops(most) - flops(least));
                return time(entry) / (time(least) + (share * (time(most) - time(least))));
            }
            var (training, prefill, decode) = (Ratio(e => e.TrainTime, e => e.Flops(Length / 2)), Ratio(e => e.PrefillTime, e => e.FileFlops(Length / 2)), Ratio(e => e.DecodeTime, e => e.FileFlops(Length)));
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
                $"| {entry.Name} | {entry.ActiveExperts:F2} | {entry.Flops(Length / 2) / 1e6:F2} | {entry.TrainTime:F1} | {training:F2} | {entry.PrefillTime:F2} | {prefill:F2} | {entry.DecodeTime:F3} | {decode:F2} |"));
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
            _step = new LanguageModelStep(_model, new WeightOptimizer(_model.BackboneWeights, trainer), new TrainingMix([domain]), trainer, 1, Length, null);
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

        /// <summary>FLOPs a token that attends to <paramref name="attended"/>.</summary>
        public double Flops(double attended) => ModelCost.Flops(_model, Cost(attended)).Sum(cost => cost.Flops);

        /// <summary>Those of the exported model, without a router that runs before it.</summary>
        public double FileFlops(double attended) => Flops(attended) - (_model.Router?.CostOfToken(Cost(attended)).Sum(cost => cost.Flops) ?? 0);

        private CostContext Cost(double attended) => new(attended) { ActiveExperts = _active };
    }
}
