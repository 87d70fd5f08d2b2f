using System.Text.Json;
using System.Text.Json.Nodes;
using OnnxMoe.Artifacts;
using OnnxMoe.Exporter;
using OnnxMoe.Exporter.Verification;
using OnnxMoe.Trainer.Backbones;
using OnnxMoe.Trainer.Data;
using OnnxMoe.Trainer.Training;

namespace OnnxMoe.Supernets.Tests;

/// <summary>A language model quantized at several numbers of bits, from its trained original to a searched and exported subnetwork.</summary>
public sealed class BitSearchTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory().FullName;

    public BitSearchTests()
    {
        var random = new Random(1);
        string[] words = ["the", "state", "of", "union", "is", "strong"];
        Directory.CreateDirectory(Of("text"));
        for (var document = 0; document < 8; document++)
            File.WriteAllText(Of("text", $"{document}.txt"), string.Join(' ', Enumerable.Range(0, 300).Select(_ => words[random.Next(words.Length)])));
        File.WriteAllText(Of("space.json"), """{"name": "bits", "genes": [{"name": "bits", "count": 2, "choices": [2, 3, 4]}]}""");
        TrainRun.Execute(Of("base"), Settings("base", steps: 12), TextWriter.Null, terminal: false, default);
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void AStoppedTrainingEndsWithTheWeightsOfAnUndisturbedOneAndTheSearchLeavesAModel()
    {
        Train("whole");
        using (var stop = new CancellationTokenSource())
            Train("stopped", new StoppingWriter(stop), stop.Token);
        Assert.False(File.Exists(Of("stopped", "manifest.json")));
        Train("stopped");
        foreach (var file in new[] { "weights.safetensors", "checkpoints/last.safetensors" })
            Assert.Equal(File.ReadAllBytes(Of("whole", file)), File.ReadAllBytes(Of("stopped", file)));

        Search("loss,bytes", "1,0", "");
        var front = JsonNode.Parse(File.ReadAllText(Of("whole", "search", "front.json")))!;
        Assert.Equal(("sensitivity", 9), ((string)front["method"]!, (int)front["measured"]!));
        var chosen = TrainedModel.Load(Of("whole-subnet"));
        chosen.Manifest.Verify(Of("whole-subnet"));
        Assert.Equal([3, 2], chosen.Manifest.Recipe!["Model"]!["Quantization"]!["Bits"].Deserialize<int[]>()!);
        Assert.All(chosen.Manifest.Exports.Single().Checks, check => Assert.InRange(check.MaxRelative, 0, 1e-4));

        // The file answers as the supernet at those bits.
        var supernet = TrainedModel.Load(Of("whole"));
        supernet.Supernet!.Active = supernet.Supernet.Space.Of(1, 0);
        var inputs = CausalLmStep.Inputs(supernet.Model, [[.. Enumerable.Range(60, 9).Select(i => (long)i)]]);
        using var session = new OnnxSession(Of("whole-subnet", "model.onnx"));
        var difference = new OutputDifference("logits");
        difference.Add(TorchRunner.Run(supernet.Any, inputs)["logits"], session.Run(inputs)["logits"]);
        Assert.InRange(difference.ToCheck().MaxRelative, 0, 1e-5);
        Assert.Contains("which nothing on the front keeps; the least bytes is", Assert.Throws<UserError>(() => Search("loss,bytes", "best", "bytes=10")).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void MistakesAreNamed()
    {
        string Message(TrainSettings settings) => Assert.Throws<UserError>(() => TrainRun.Execute(Of(settings.Name), settings, TextWriter.Null, false, default)).Message;
        Assert.Contains("set Supernet:Space to one with genes 'bits'", Message(Settings("plain", start: "base")), StringComparison.Ordinal);
        Train("whole");
        Search("loss,bytes", "0,0", "");
        Assert.Contains("'whole-subnet', which is quantized already", Message(Settings("twice", start: "whole-subnet", space: "space.json")), StringComparison.Ordinal);
    }

    private string Of(params string[] parts) => Path.Combine([_folder, .. parts]);

    private TrainSettings Settings(string name, int steps = 10, string start = "", string space = "")
    {
        var settings = new TrainSettings(name, 3,
            new DataOptions { Source = Of("text"), Folder = Of("data"), Tokenizer = "bytes", ValidationFraction = 0.25, TestFraction = 0.25 },
            new ModelOptions { Layers = 2, FirstDenseLayers = 2, HiddenSize = 32, Heads = 2, DenseHidden = 48, ContextLength = 16, Quantization = { Group = 16, Samples = 16 } },
            new TrainerOptions { Steps = steps, BatchSize = 3, WarmupSteps = 2, EvaluateEvery = 4, CheckpointEvery = 3, EvaluationTokens = 120, Threads = 1, LearningRate = 0.01 })
        {
            Supernet = new() { Space = space.Length == 0 ? "" : Of(space), Paths = "balanced", Period = 6 },
        };
        (settings.Start.From, settings.Start.Convert) = (start, start.Length == 0 ? "copy" : "quantize");
        return settings;
    }

    private void Train(string name, TextWriter? log = null, CancellationToken stop = default) =>
        TrainRun.Execute(Of(name), Settings(name, start: "base", space: "space.json"), log ?? TextWriter.Null, terminal: false, stop);

    private void Search(string objectives, string choose, string limit) =>
        SearchRun.Execute(Of("whole"), new() { Budget = 9, Method = "sensitivity", Objectives = objectives, Choose = choose, Limit = limit, Repetitions = 2, WarmUp = 0 }, new ExportOptions { Target = "onnx" }, 1, TextWriter.Null, terminal: false, default);

    private sealed class StoppingWriter(CancellationTokenSource stop) : StringWriter
    {
        public override void WriteLine(string? value)
        {
            if (value!.StartsWith("step 4", StringComparison.Ordinal))
                stop.Cancel();
        }
    }
}
