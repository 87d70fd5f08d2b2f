using System.Text.Json.Nodes;
using OnnxMoe.Exporter;
using OnnxMoe.Exporter.Verification;
using OnnxMoe.Search.Spaces;
using OnnxMoe.Trainer.Backbones;
using OnnxMoe.Trainer.Cells;
using OnnxMoe.Trainer.Training;

namespace OnnxMoe.Supernets.Tests;

public sealed class SplitSearchTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory().FullName;

    public SplitSearchTests()
    {
        ToyDigits.Write(Path.Combine(_folder, "data"));
        File.WriteAllText(Of("space.json"), """{"name": "cells", "genes": [{"name": "op", "count": 3, "choices": ["none", "skip", "conv1x1", "conv3x3"]}]}""");
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    /// <summary>It stops between the two splits, with a checkpoint that is at no round number.</summary>
    [Theory]
    [InlineData("none", "sgd")]
    [InlineData("none", "adamw")]
    [InlineData("final", "sgd")]
    public void AStoppedTrainingEndsWithTheWeightsOfAnUndisturbedOne(string restart, string optimizer)
    {
        Train("whole", restart, optimizer);
        using (var stop = new CancellationTokenSource())
            Train("stopped", restart, optimizer, new StoppingWriter(stop), stop.Token);
        Assert.False(File.Exists(Of("stopped", "manifest.json")));
        Train("stopped", restart, optimizer);
        Assert.Equal(File.ReadAllBytes(Of("whole", "weights.safetensors")), File.ReadAllBytes(Of("stopped", "weights.safetensors")));
        Assert.Equal(File.ReadAllText(Of("whole", "splits.json")), File.ReadAllText(Of("stopped", "splits.json")));
    }

    [Fact]
    public void TheSearchMeasuresAndExtractsFromTheLeafOfEachArchitecture()
    {
        Train("super", "none", "sgd");
        var log = new StringWriter();
        SearchRun.Execute(Of("super"), new() { Budget = 64, Method = "random", Objectives = "loss,flops", Repetitions = 2, WarmUp = 0 }, new ExportOptions { Target = "onnx" }, 1, log, terminal: false, default);
        var supernet = (FewShotSupernet)TrainedModel.Load(Of("super")).Any;
        var chosen = TrainedModel.Load(Of("super-subnet"));
        var architecture = Architecture.Parse(supernet.Space, (string)JsonNode.Parse(File.ReadAllText(Of("super", "search", "front.json")))!["chosen"]!);
        var leaf = supernet.Leaves[supernet.Tree.Choose(architecture)];
        var head = chosen.Any.Weights.Single(weight => weight.Name == "head.weight").Parameter.detach().data<float>().ToArray();
        Assert.Equal(leaf.Weights.Single(weight => weight.Name.EndsWith(".head.weight", StringComparison.Ordinal)).Parameter.detach().data<float>().ToArray(), head);
        var subject = SearchSubject.Of(Of("super"), TrainedModel.Load(Of("super")), new(), TextWriter.Null);
        subject.Activate(Architecture.Parse(subject.Supernet.Space, architecture.Key));
        var inputs = HeldOutSequences.Load((Classifier)chosen.Any, chosen.Manifest, TextWriter.Null);
        using var session = new OnnxSession(Of("super-subnet", "model.onnx"));
        foreach (var logits in new[] { TorchRunner.Run(chosen.Any, inputs), session.Run(inputs) })
        {
            var difference = new OutputDifference("logits");
            difference.Add(TorchRunner.Run(subject.Supernet.Model, inputs)["logits"], logits["logits"]);
            Assert.InRange(difference.ToCheck().MaxRelative, 0, 1e-5);
        }

        // The tree is written down: two splits of one edge each, and the distances that decided.
        var file = JsonNode.Parse(File.ReadAllText(Of("super", "splits.json")))!;
        var splits = file["splits"]!.AsArray();
        Assert.Equal([0, 1, 1], splits.Select(split => (int)split!["level"]!));
        Assert.All(splits, split => Assert.Equal(4, split!["groups"]!.AsArray().Sum(group => group!.AsArray().Count)));
        Assert.Equal(3, splits[0]!["distances"]!.AsObject().Count);
        Assert.Equal(2, splits[1]!["distances"]!.AsObject().Count);
        Assert.Equal(4, file["supernets"]!.AsArray().Count);
        Assert.Equal(64, file["supernets"]!.AsArray().Sum(one => one!["edges"]!.AsArray().Aggregate(1, (product, edge) => product * edge!.AsArray().Count)));
    }

    private string Of(params string[] parts) => Path.Combine([_folder, .. parts]);

    private void Train(string name, string restart, string optimizer, TextWriter? log = null, CancellationToken stop = default) =>
        TrainRun.Execute(Of(name), new TrainSettings(name, 3, new() { Source = "digits", Folder = Path.Combine(_folder, "data"), PatchSide = 1, Images = 100 },
            new ModelOptions { Backbone = ModelOptions.CellNetwork, Cells = new() { Channels = 3, Nodes = 3 } },
            new TrainerOptions { Steps = 16, BatchSize = 20, WarmupSteps = 0, EvaluateEvery = 7, CheckpointEvery = 5, Threads = 1, LearningRate = 0.05, Optimizer = optimizer, Keep = "last" })
        {
            Supernet = new() { Space = Of("space.json"), Paths = "uniform", Split = new() { At = [3, 9], Repeats = 2, Restart = restart } },
        }, log ?? TextWriter.Null, terminal: false, stop);

    private sealed class StoppingWriter(CancellationTokenSource stop) : StringWriter
    {
        public override void WriteLine(string? value)
        {
            if (value!.StartsWith("step 7", StringComparison.Ordinal))
                stop.Cancel();
        }
    }
}
