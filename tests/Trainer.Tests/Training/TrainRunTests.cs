using System.Text.Json.Nodes;
using OnnxMoe.Artifacts;
using OnnxMoe.Artifacts.Routing;
using OnnxMoe.Trainer.Data;
using OnnxMoe.Trainer.Training;

namespace OnnxMoe.Trainer.Tests.Training;

public sealed class TrainRunTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("onnxmoe-train").FullName;

    public TrainRunTests()
    {
        var random = new Random(1);
        string[] words = ["the", "state", "of", "union", "is", "strong", "and", "people", "free"];
        Directory.CreateDirectory(Path.Combine(_folder, "text"));
        for (var document = 0; document < 8; document++)
        {
            File.WriteAllText(Path.Combine(_folder, "text", $"{document}.txt"),
                string.Join(' ', Enumerable.Range(0, 400).Select(_ => words[random.Next(words.Length)])));
        }
    }

    [Fact]
    public void ARunThatWasStoppedOrKilledEndsWithTheWeightsOfAnUndisturbedOne()
    {
        Train("whole");

        using (var stop = new CancellationTokenSource())
        {
            Train("stopped", new LineWatcher(line => line.StartsWith("step 4", StringComparison.Ordinal), stop.Cancel), stop.Token);
            Assert.False(File.Exists(Model("stopped", "manifest.json")));
        }
        Train("stopped");

        // A kill leaves what lies on the disk: here, the checkpoint of step 6 and metrics of steps behind it.
        Assert.Throws<Killed>(() => Train("killed", new LineWatcher(line => line.StartsWith("step 8", StringComparison.Ordinal), () => throw new Killed())));
        File.AppendAllText(Model("killed", "metrics.jsonl"), "{\"step\":9,\"lo");
        Train("killed");

        foreach (var run in new[] { "stopped", "killed" })
        {
            Assert.Equal(File.ReadAllBytes(Model("whole", "weights.safetensors")), File.ReadAllBytes(Model(run, "weights.safetensors")));
            Assert.Equal(File.ReadAllBytes(Model("whole", "checkpoints/last.safetensors")), File.ReadAllBytes(Model(run, "checkpoints/last.safetensors")));
            Assert.Equal(Losses("whole"), Losses(run));
        }
    }

    [Fact]
    public void LeavesACompleteModelFolder()
    {
        var log = new StringWriter();
        Train("model", log);
        var folder = Path.Combine(_folder, "model");
        var manifest = ModelManifest.Load(folder);
        manifest.Verify(folder);

        Assert.Equal(["tokenizer.json", "trace.bin", "training.html", "weights.safetensors"], manifest.Files.Keys);
        Assert.Equal(manifest.Parameters, OnnxMoe.Trainer.Backbones.ModelCost.Parameters(TrainedModel.Load(folder).Model));
        var layer = Assert.Single(manifest.MoeLayers);
        Assert.Equal((1, 6, 2), (layer.Layer, layer.Experts, layer.ExpertsPerToken));
        Assert.Equal(3 * 16 * 8 * sizeof(float), layer.ExpertBytes);

        // The routing trace holds every evaluated token, each with K experts: shared experts are not among them.
        var trace = RoutingTrace.Load(Path.Combine(folder, "trace.bin"));
        Assert.Equal([new TracedLayer(1, 6, 2)], trace.Header.Layers);
        Assert.Contains("a bigram model of the same text", log.ToString());
        var loss = manifest.Training!["validationLoss"]!.GetValue<double>();
        Assert.InRange(loss, 0, manifest.Training["uniformLoss"]!.GetValue<double>());
        Assert.Equal(Losses("model", "validation_loss").Min(), loss, 1e-6);
    }

    [Fact]
    public void AccumulationKeepsTheScaleOfTheLoss()
    {
        // A sum where the mean belongs would double the loss and, through clipping, hide in the gradients.
        Train("one");
        Train("two", change: s => s.Trainer.Accumulation = 2);
        Assert.All(Losses("one").Zip(Losses("two")), pair => Assert.InRange(pair.Second / pair.First, 0.8, 1.25));
    }

    [Fact]
    public void ACheckpointOfOtherSettingsIsRefused()
    {
        Train("model");
        var error = Assert.Throws<UserError>(() => Train("model", change: s => s.Trainer.LearningRate = 0.5));
        Assert.Contains("made with other settings", error.Message);
        Train("model", change: s => (s.Trainer.LearningRate, s.Trainer.Resume) = (0.01, false));
    }

    [Fact]
    public void ADamagedCheckpointIsNamed()
    {
        Train("model");
        var path = Model("model", "checkpoints/last.safetensors");
        File.WriteAllBytes(path, File.ReadAllBytes(path)[..^100]);
        Assert.Contains("last.safetensors", Assert.Throws<UserError>(() => Train("model")).Message);
    }

    [Fact]
    public void CudaWithoutADeviceIsAClearError()
    {
        if (TorchSharp.torch.cuda.is_available())
            return;
        Assert.Contains("no CUDA device", Assert.Throws<UserError>(() => Train("model", change: s => s.Trainer.Device = "cuda")).Message);
    }

    [Fact]
    public void ASequenceLongerThanTheContextIsAnError()
    {
        var error = Assert.Throws<UserError>(() => Train("model", change: s => s.Trainer.SequenceLength = 13));
        Assert.Equal("Trainer:SequenceLength is 13, longer than Model:ContextLength 12.", error.Message);
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private void Train(string name, TextWriter? log = null, CancellationToken stop = default, Action<TrainSettings>? change = null)
    {
        var settings = new TrainSettings(name, 3,
            new DataOptions { Source = Path.Combine(_folder, "text"), Folder = Path.Combine(_folder, "data"), Tokenizer = "bpe", VocabularySize = 270, ValidationFraction = 0.25, TestFraction = 0 },
            Some.SmallModel(),
            new TrainerOptions { Steps = 10, BatchSize = 3, WarmupSteps = 2, EvaluateEvery = 4, CheckpointEvery = 3, EvaluationTokens = 120, Threads = 1, LearningRate = 0.01 });
        change?.Invoke(settings);
        TrainRun.Execute(Path.Combine(_folder, name), settings, log ?? TextWriter.Null, terminal: false, stop);
    }

    private string Model(string name, string file) => Path.Combine(_folder, name, file);

    private double[] Losses(string name, string key = "loss") =>
        [.. File.ReadLines(Model(name, "metrics.jsonl")).Select(line => JsonNode.Parse(line)![key]?.GetValue<double>()).OfType<double>()];

    private sealed class Killed : Exception;

    /// <summary>Acts once when a line is printed that it waits for.</summary>
    private sealed class LineWatcher(Func<string, bool> awaited, Action act) : StringWriter
    {
        public override void WriteLine(string? value)
        {
            if (awaited(value!))
                act();
        }
    }
}
