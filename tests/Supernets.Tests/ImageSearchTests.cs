using System.Text.Json.Nodes;
using OnnxMoe.Artifacts;
using OnnxMoe.Exporter;
using OnnxMoe.Exporter.Verification;
using OnnxMoe.Search.Spaces;
using OnnxMoe.Trainer.Backbones;
using OnnxMoe.Trainer.Supernets;
using OnnxMoe.Trainer.Training;

namespace OnnxMoe.Supernets.Tests;

public sealed class ImageSearchTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory().FullName;

    public ImageSearchTests() => ToyDigits.Write(Path.Combine(_folder, "data"));

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    public static TheoryData<string, string, string, int> Networks => new()
    {
        { ModelOptions.CellNetwork, """{"name": "cells", "genes": [{"name": "op", "count": 3, "choices": ["none", "skip", "avgpool", "conv3x3"]}]}""", "random", 1 },
        { ModelOptions.Convolutional, """{"name": "paths", "genes": [{"name": "pooling", "choices": ["1-2", "2-1"]}, {"name": "channels", "count": 3, "choices": [2, 3]}]}""", "all", 1 },
        { ModelOptions.Convolutional, """{"name": "paths", "genes": [{"name": "pooling", "choices": ["1-2", "2-1"]}, {"name": "channels", "count": 3, "choices": [2, 3]}]}""", "all", 3 },
    };

    /// <summary>The statistics of the chosen architecture go with it, so that it is what the search measured.</summary>
    [Theory]
    [MemberData(nameof(Networks))]
    public void TheChosenNetworkIsWhatTheSearchMeasured(string backbone, string space, string method, int supernets)
    {
        File.WriteAllText(Path.Combine(_folder, "space.json"), space);
        var settings = new TrainSettings("super", 3, new() { Source = "digits", Folder = Path.Combine(_folder, "data"), PatchSide = 1, Images = 300 },
            new ModelOptions { Backbone = backbone, Cnn = new() { Channels = [3, 3, 3], Pools = [1] }, Cells = new() { Channels = 3, Nodes = 3 } },
            new TrainerOptions { Steps = 12, BatchSize = 32, WarmupSteps = 2, EvaluateEvery = 6, CheckpointEvery = 6, Threads = 1, LearningRate = 0.05, Optimizer = "sgd" })
        {
            Supernet = new() { Space = Path.Combine(_folder, "space.json"), Paths = "uniform", RandomPaths = 1, Copies = new() { Count = supernets, Epochs = 3 } },
        };
        var log = new StringWriter();
        TrainRun.Execute(Of("super"), settings, log, terminal: false, default);
        Assert.Contains("architectures)", log.ToString(), StringComparison.Ordinal);
        SearchRun.Execute(Of("super"), new() { Budget = 16, Method = method, Objectives = "loss,flops", Repetitions = 2, WarmUp = 0 }, new ExportOptions { Target = "onnx" }, 1, log, terminal: false, default);

        var front = JsonNode.Parse(File.ReadAllText(Of("super", "search", "front.json")))!;
        Assert.Equal(16, (int)front["measured"]!);
        var chosen = TrainedModel.Load(Of("super-subnet"));
        var subject = SearchSubject.Of(Of("super"), TrainedModel.Load(Of("super")), new(), TextWriter.Null);
        var architecture = Architecture.Parse(subject.Supernet.Space, (string)front["chosen"]!);
        Assert.Equal((double)front["front"]!.AsArray().Single(member => (string)member!["genes"]! == architecture.Key)!["objectives"]![0]!, subject.Validate(chosen.Any).Loss, 1e-5);
        subject.Activate(architecture);
        var inputs = HeldOutSequences.Load((Classifier)chosen.Any, chosen.Manifest, TextWriter.Null);
        using var session = new OnnxSession(Of("super-subnet", "model.onnx"));
        foreach (var logits in new[] { TorchRunner.Run(chosen.Any, inputs), session.Run(inputs) })
        {
            var difference = new OutputDifference("logits");
            difference.Add(TorchRunner.Run(subject.Supernet.Model, inputs)["logits"], logits["logits"]);
            Assert.InRange(difference.ToCheck().MaxRelative, 0, 1e-5);
        }
    }

    [Fact]
    public void WhatDoesNotGoTogetherIsNamed()
    {
        var settings = new TrainSettings("net", 3, new() { Source = "digits", Folder = Path.Combine(_folder, "data"), PatchSide = 2 }, new ModelOptions { Backbone = ModelOptions.Convolutional }, new TrainerOptions());
        string Refused(Action<SupernetOptions> change, int accumulation = 1)
        {
            var pixels = settings with { Data = new() { Source = "digits", Folder = Path.Combine(_folder, "data"), PatchSide = 1 }, Trainer = new() { Accumulation = accumulation } };
            change(pixels.Supernet);
            return Assert.Throws<UserError>(() => TrainRun.Execute(Of("net"), pixels with { Supernet = pixels.Supernet }, TextWriter.Null, terminal: false, default)).Message;
        }
        Assert.Contains("there is no Supernet:Space to share", Refused(supernet => (supernet.Copies.Count, supernet.Paths) = (2, "uniform")), StringComparison.Ordinal);
        Assert.Contains("Supernet:Paths is sandwich, but Supernet:Copies draws", Refused(supernet => (supernet.Space, supernet.Paths) = ("x", "sandwich")), StringComparison.Ordinal);
        Assert.Contains("searches without a search space", Refused(supernet => (supernet.Paths, supernet.Tickets.Sparsity) = ("uniform", 0.5)), StringComparison.Ordinal);
        (settings.Supernet.Space, settings.Supernet.Copies.Count) = ("", 1);
        Assert.Contains("Trainer:Accumulation is 2, but Supernet:Tickets makes a step of one batch", Refused(_ => { }, 2), StringComparison.Ordinal);
        Assert.Contains("set Data:PatchSide to 1", Assert.Throws<UserError>(() => TrainRun.Execute(Of("net"), settings, TextWriter.Null, terminal: false, default)).Message, StringComparison.Ordinal);
    }

    private string Of(params string[] parts) => Path.Combine([_folder, .. parts]);
}
