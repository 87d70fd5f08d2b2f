using System.Text.Json.Nodes;
using OnnxMoe.Artifacts;
using OnnxMoe.Trainer.Backbones;
using OnnxMoe.Trainer.Supernets;
using OnnxMoe.Trainer.Training;

namespace OnnxMoe.Supernets.Tests;

public sealed class GradNormTrainingTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory().FullName;

    public GradNormTrainingTests()
    {
        ToyDigits.Write(Path.Combine(_folder, "data"));
        File.WriteAllText(Of("space.json"), """{"name": "cells", "genes": [{"name": "op", "count": 3, "choices": ["none", "skip", "conv1x1", "conv3x3"]}]}""");
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    /// <summary>Epochs of 3 steps; it stops in the second one, whose list and probabilities must be kept.</summary>
    [Theory]
    [InlineData("gradient-norm", "gradient-norm", "none")]
    [InlineData("gradient-norm", "gradient-norm", "unbiased")]
    [InlineData("fair", "uniform", "none")]
    public void AStoppedTrainingEndsWithTheWeightsOfAnUndisturbedOne(string paths, string data, string reweight)
    {
        var options = new SupernetOptions { Paths = paths, Data = data, Reweight = reweight };
        Train("whole", options);
        using (var stop = new CancellationTokenSource())
            Train("stopped", options, new StoppingWriter(stop), stop.Token);
        Assert.False(File.Exists(Of("stopped", "manifest.json")));
        Train("stopped", options);
        Assert.Equal(File.ReadAllBytes(Of("whole", "weights.safetensors")), File.ReadAllBytes(Of("stopped", "weights.safetensors")));
        string[] Kept(string name) => [.. File.ReadLines(Of(name, "metrics.jsonl")).Select(line => (JsonObject)JsonNode.Parse(line)!).Select(entry => $"{entry["step"]} {entry["probability_conv3x3"]} {entry["effective_examples"]}")];
        Assert.Equal(Kept("whole"), Kept("stopped"));
    }

    [Fact]
    public void WhatIsDrawnIsWrittenDownEachEpoch()
    {
        Train("super", new() { Paths = "gradient-norm", Data = "gradient-norm" });
        JsonObject[] epochs = [.. File.ReadLines(Of("super", "metrics.jsonl")).Select(line => (JsonObject)JsonNode.Parse(line)!).Where(entry => entry.ContainsKey("effective_examples"))];
        Assert.Equal([3, 6, 9, 12], epochs.Select(entry => (int)entry["step"]!));
        double[] free = [.. epochs.Select(entry => (double)entry["probability_skip"]!)];
        Assert.All(free.Zip([1, 0.75, 0.5, 0.25]), pair => Assert.Equal(pair.Second / 4, pair.First, 1e-9)); // no weights: (1 - tau) / 4
        Assert.All(epochs, entry => Assert.Equal(1, entry.Where(pair => pair.Key.StartsWith("probability_", StringComparison.Ordinal)).Sum(pair => (double)pair.Value!), 1e-9));
        double[] effective = [.. epochs.Select(entry => (double)entry["effective_examples"]!)];
        Assert.Equal(60, effective[0], 1e-9);
        Assert.All(effective[1..], size => Assert.InRange(size, 10, 59.999));
        Assert.Contains("Probability of each operation", File.ReadAllText(Of("super", "training.html")), StringComparison.Ordinal);
    }

    [Fact]
    public void AnOrdinaryModelDrawsUniformly() =>
        Assert.Contains("but there is no Supernet:Space", Assert.Throws<UserError>(() => Train("plain", new() { Data = "gradient-norm" }, space: "")).Message, StringComparison.Ordinal);

    private string Of(params string[] parts) => Path.Combine([_folder, .. parts]);

    private void Train(string name, SupernetOptions options, TextWriter? log = null, CancellationToken stop = default, string? space = null)
    {
        options.Space = space ?? Of("space.json");
        TrainRun.Execute(Of(name), new TrainSettings(name, 3, new() { Source = "digits", Folder = Path.Combine(_folder, "data"), PatchSide = 1, Images = 60 },
            new ModelOptions { Backbone = ModelOptions.CellNetwork, Cells = new() { Channels = 3, Nodes = 3, Genotype = ["skip", "skip", "conv3x3"] } },
            new TrainerOptions { Steps = 12, BatchSize = 20, WarmupSteps = 0, EvaluateEvery = 5, CheckpointEvery = 4, Threads = 1, LearningRate = 0.05, Optimizer = "sgd", Keep = "last" })
        { Supernet = options }, log ?? TextWriter.Null, terminal: false, stop);
    }

    private sealed class StoppingWriter(CancellationTokenSource stop) : StringWriter
    {
        public override void WriteLine(string? value)
        {
            if (value!.StartsWith("step 5", StringComparison.Ordinal))
                stop.Cancel();
        }
    }
}
