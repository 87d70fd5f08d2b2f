using System.Text.Json.Nodes;
using OnnxMoe.Artifacts;
using OnnxMoe.Exporter;
using OnnxMoe.Exporter.Verification;
using OnnxMoe.Trainer.Backbones;
using OnnxMoe.Trainer.Cells;
using OnnxMoe.Trainer.Darts;
using OnnxMoe.Trainer.Training;
using TorchSharp;

namespace OnnxMoe.Supernets.Tests;

public sealed class SelectionRunTests : IDisposable
{
    private const string Space = """{"name": "cells", "genes": [{"name": "op", "count": 3, "choices": ["none", "skip", "avgpool", "conv3x3"]}]}""";

    private readonly string _folder = Directory.CreateTempSubdirectory().FullName;

    public SelectionRunTests()
    {
        ToyDigits.Write(Path.Combine(_folder, "data"));
        File.WriteAllText(Of("space.json"), Space);
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void OperationsAreDecidedAndTheNetworkIsTrainedAnew()
    {
        Train(Settings());
        var options = new SearchOptions { Method = "perturbation", Retrain = 8, Repetitions = 2, WarmUp = 0, Selection = { Criterion = "loss", TuningEpochs = 1 } };
        var log = Search(options);
        var decisions = JsonNode.Parse(File.ReadAllText(Of("super", "search", "decisions.json")))!;
        Assert.Equal(("perturbation", "loss", true), ((string)decisions["method"]!, (string)decisions["criterion"]!, (bool)decisions["isConnected"]!));
        Assert.Equal(3, decisions["decisions"]!.AsArray().Count);
        string[] genotype = [.. decisions["genotype"]!.AsArray().Select(op => (string)op!)];
        foreach (var decision in decisions["decisions"]!.AsArray())
        {
            double[] scores = [.. decision!["scores"]!.AsArray().Select(score => (double)score!)];
            Assert.Equal(Array.IndexOf(scores, scores.Max()), (int)decision["op"]!);
            Assert.Equal((string)decisions["operations"]![(int)decision["op"]!]!, genotype[(int)decision["edge"]!]);
        }
        Assert.All(decisions["shares"]!.AsArray(), row => Assert.Equal(1, row!.AsArray().Sum(share => (double)share!), 1e-5));
        Assert.Contains("Decisions in order", File.ReadAllText(Of("super", "search.html")), StringComparison.Ordinal);

        // An ordinary network of that genotype, trained for as many steps, exported.
        var chosen = TrainedModel.Load(Of("super-subnet"));
        chosen.Manifest.Verify(Of("super-subnet"));
        Assert.Equal(genotype, ((CellClassifier)chosen.Any).Candidates.Select(edge => Assert.Single(edge)));
        Assert.Equal((8, "super", (string)decisions["genes"]!), ((int)chosen.Manifest.Training!["steps"]!, (string)chosen.Manifest.Training["supernet"]!, (string)chosen.Manifest.Training["architecture"]!));
        var inputs = HeldOutSequences.Load((Classifier)chosen.Any, chosen.Manifest, TextWriter.Null);
        using (var session = new OnnxSession(Of("super-subnet", "model.onnx")))
            Assert.InRange(Difference(TorchRunner.Run(chosen.Any, inputs)["logits"], session.Run(inputs)["logits"]), 0, 1e-5);
        Assert.Contains("trained anew in 8 steps", log, StringComparison.Ordinal);

        // Again: nothing is decided anew, and the training is at its end.
        var weights = File.ReadAllBytes(Of("super-subnet", "weights.safetensors"));
        Assert.Contains("decided before", log = Search(options), StringComparison.Ordinal);
        Assert.Contains("Going on from the checkpoint at step 8", log, StringComparison.Ordinal);
        Assert.Equal(weights, File.ReadAllBytes(Of("super-subnet", "weights.safetensors")));

        // With the supernet's tuned weights instead; the checkpoint of the other training is not taken for this one's.
        options.Retrain = 0;
        Assert.Contains("of the supernet.", Search(options), StringComparison.Ordinal);
        Assert.Equal((string)decisions["genes"]!, (string)ModelManifest.Load(Of("super-subnet")).Training!["architecture"]!);
        (options.Method, options.Retrain, options.Selection.TuningEpochs) = ("magnitude", 4, 0);
        log = Search(options);
        Assert.DoesNotContain("Going on", log, StringComparison.Ordinal);
        Assert.Equal(4, (int)ModelManifest.Load(Of("super-subnet")).Training!["steps"]!);
    }

    /// <summary>The state of three optimizers' worth of moments and of the kept teachers goes through the checkpoint.</summary>
    [Fact]
    public void AStoppedTrainingEndsWithTheWeightsOfAnUndisturbedOne()
    {
        var settings = Settings();
        settings.Supernet.Darts.Distillation = new() { Teachers = 2, Interval = 2, OnAlpha = true };
        settings.Trainer.CheckpointEvery = 3;
        Train(settings with { Name = "whole" });
        using (var stop = new CancellationTokenSource())
            Train(settings with { Name = "stopped" }, new StoppingWriter(stop), stop.Token);
        Assert.False(File.Exists(Of("stopped", "manifest.json")));
        Train(settings with { Name = "stopped" });
        Assert.Equal(File.ReadAllBytes(Of("whole", "weights.safetensors")), File.ReadAllBytes(Of("stopped", "weights.safetensors")));
        Assert.Contains("\"distillation\"", File.ReadAllText(Of("whole", "metrics.jsonl")), StringComparison.Ordinal);
    }

    [Fact]
    public void AGenotypeThatConnectsNothingIsReportedNotExported()
    {
        Train(Settings());
        var supernet = TrainedModel.Load(Of("super"));
        using (torch.no_grad())
            ((CellClassifier)supernet.Any).Alpha.Parameter.copy_(torch.tensor([1f, 0, 0, 0], [1, 4]));
        WeightFile.Save(Of("super", "weights.safetensors"), supernet.Any.Weights);
        supernet.Manifest.WithFiles(Of("super"), "weights.safetensors").Save(Of("super"));
        var error = Assert.Throws<UserError>(() => Search(new() { Method = "magnitude", Selection = { TuningEpochs = 0 } })).Message;
        Assert.Contains("The genotype none,none,none does not connect the cell's input with its output", error, StringComparison.Ordinal);
        Assert.False((bool)JsonNode.Parse(File.ReadAllText(Of("super", "search", "decisions.json")))!["isConnected"]!);
        Assert.Contains("makes no model, and none was exported", File.ReadAllText(Of("super", "search.html")), StringComparison.Ordinal);
        Assert.False(Directory.Exists(Of("super-subnet")));
    }

    [Fact]
    public void MistakesAreNamed()
    {
        string Fail(TrainSettings settings) => Assert.Throws<UserError>(() => Train(settings)).Message;
        var settings = Settings();
        settings.Model.Backbone = ModelOptions.Convolutional;
        Assert.Contains("Supernet:Gates=soft mixes the operations of cells", Fail(settings), StringComparison.Ordinal);
        settings = Settings();
        settings.Supernet.Copies.Count = 2;
        Assert.Contains("Supernet:Gates=soft trains one supernet", Fail(settings), StringComparison.Ordinal);
        settings = Settings();
        settings.Trainer.Accumulation = 2;
        Assert.Contains("Trainer:Accumulation is 2", Fail(settings), StringComparison.Ordinal);
        settings = Settings();
        settings.Supernet.Darts.AlphaShare = 0;
        Assert.Contains("Supernet:Darts:AlphaShare is 0", Fail(settings), StringComparison.Ordinal);
        settings = Settings();
        settings.Supernet.Darts.Distillation = new() { Teachers = 1, Temperature = 0 };
        Assert.Contains("Temperature is 0", Fail(settings), StringComparison.Ordinal);
        settings = Settings();
        (settings.Supernet.Gates, settings.Supernet.Paths) = ("onehot", "uniform");
        Train(settings);
        Assert.Contains("reads architecture weights, which 'super' has not been trained with", Assert.Throws<UserError>(() => Search(new() { Method = "perturbation" })).Message, StringComparison.Ordinal);
        Assert.False(Directory.Exists(Of("super-subnet")));
    }

    private static double Difference(Artifacts.Tensors.HostTensor a, Artifacts.Tensors.HostTensor b)
    {
        var difference = new OutputDifference("logits");
        difference.Add(a, b);
        return difference.ToCheck().MaxRelative;
    }

    private TrainSettings Settings() => new("super", 3, new() { Source = "digits", Folder = Of("data"), PatchSide = 1, Images = 200 },
        new ModelOptions { Backbone = ModelOptions.CellNetwork, Cells = new() { Channels = 3, Nodes = 3, Stages = 1 } },
        new TrainerOptions { Steps = 9, BatchSize = 32, WarmupSteps = 0, EvaluateEvery = 4, CheckpointEvery = 6, Threads = 1, LearningRate = 0.05, Optimizer = "sgd", ClipNorm = 5, Keep = "last" })
    {
        Supernet = new() { Space = Of("space.json"), Gates = "soft" },
    };

    private void Train(TrainSettings settings, TextWriter? log = null, CancellationToken stop = default) =>
        TrainRun.Execute(Of(settings.Name), settings, log ?? TextWriter.Null, terminal: false, stop);

    private string Search(SearchOptions options)
    {
        var log = new StringWriter();
        SearchRun.Execute(Of("super"), options, new ExportOptions { Target = "onnx" }, 1, log, terminal: false, default);
        return log.ToString();
    }

    private string Of(params string[] parts) => Path.Combine([_folder, .. parts]);

    private sealed class StoppingWriter(CancellationTokenSource stop) : StringWriter
    {
        public override void WriteLine(string? value)
        {
            if (value!.StartsWith("step 4", StringComparison.Ordinal))
                stop.Cancel();
        }
    }
}
