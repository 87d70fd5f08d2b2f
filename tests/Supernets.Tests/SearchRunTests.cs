using System.Text.Json.Nodes;
using OnnxMoe.Artifacts;
using OnnxMoe.Exporter;
using OnnxMoe.Exporter.Verification;
using OnnxMoe.Search.Spaces;
using OnnxMoe.Trainer.Backbones;
using OnnxMoe.Trainer.Data;
using OnnxMoe.Trainer.Supernets;
using OnnxMoe.Trainer.Training;

namespace OnnxMoe.Supernets.Tests;

public sealed class SearchRunTests : IDisposable
{
    private const string Space = """
        {"name": "toy", "genes": [{"name": "width", "choices": [4, 8, 16]}, {"name": "depth", "choices": [1, 2, 3]}, {"name": "hidden", "count": 3, "choices": [4, 8, 16], "depth": "depth"}]}
        """;

    private readonly string _folder = Directory.CreateTempSubdirectory().FullName;

    public SearchRunTests()
    {
        ToyDigits.Write(Path.Combine(_folder, "data"));
        File.WriteAllText(Path.Combine(_folder, "space.json"), Space);
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void ASearchLeavesAFrontAPageAndAModelOfItsOwn()
    {
        Train("super");
        var log = Search(new() { Budget = 40, Objectives = "loss,flops", Evolution = { Population = 15 }, Predictions = 200, Repetitions = 2, WarmUp = 0 });
        var front = JsonNode.Parse(File.ReadAllText(Of("super", "search", "front.json")))!;
        Assert.Equal(("linas", 40, "toy"), ((string)front["method"]!, (int)front["measured"]!, (string)front["space"]!));
        var members = front["front"]!.AsArray().Select(member => member!["objectives"]!.AsArray().Select(value => (double)value!).ToArray()).ToArray();
        Assert.True(members.Length > 1);
        Assert.All(members.Zip(members.Skip(1)), pair => Assert.True(pair.First[0] < pair.Second[0] && pair.First[1] > pair.Second[1]));
        Assert.Equal(40, File.ReadAllLines(Assert.Single(Directory.GetFiles(Of("super", "search"), "*.jsonl"))).Length);
        Assert.Contains("Hypervolume by measurement", File.ReadAllText(Of("super", "search.html")), StringComparison.Ordinal);

        // The chosen one is an ordinary model: exported, compared, and the supernet at its architecture.
        var chosen = TrainedModel.Load(Of("super-subnet"));
        chosen.Manifest.Verify(Of("super-subnet"));
        var supernet = TrainedModel.Load(Of("super"));
        var many = (ISupernet)supernet.Any;
        many.Active = Architecture.Parse(many.Space, (string)front["chosen"]!);
        Assert.Equal(MlpClassifier.ShapeOf(many.Active).Hidden.Length, chosen.Any.Weights.Count(weight => weight.Name.EndsWith("up.weight", StringComparison.Ordinal)));
        var inputs = HeldOutSequences.Load((Classifier)chosen.Any, chosen.Manifest, TextWriter.Null);
        using var session = new OnnxSession(Of("super-subnet", "model.onnx"));
        foreach (var logits in new[] { TorchRunner.Run(chosen.Any, inputs), session.Run(inputs) })
        {
            var difference = new OutputDifference("logits");
            difference.Add(TorchRunner.Run(supernet.Any, inputs)["logits"], logits["logits"]);
            Assert.InRange(difference.ToCheck().MaxRelative, 0, 1e-5);
        }
        var validation = new ClassifierEvaluator((Classifier)supernet.Any, 50, null).Run(LabeledDataset.Open(Data()).Validation);
        Assert.Equal((double)chosen.Manifest.Training!["validationLoss"]!, validation.Loss, 1e-4);
        Assert.Contains("onnxmoe serve super-subnet", log, StringComparison.Ordinal);

        // Again with a larger budget: what is measured already costs nothing.
        log = Search(new() { Budget = 60, Objectives = "loss,flops", Evolution = { Population = 15 }, Predictions = 200, Choose = "best", Limit = "flops=1500", Repetitions = 2 });
        Assert.Equal(60, File.ReadAllLines(Assert.Single(Directory.GetFiles(Of("super", "search"), "*.jsonl"))).Length);
        Assert.InRange(TrainedModel.Load(Of("super-subnet")).Any.CostOfToken(new(1)).Sum(cost => cost.Flops), 1, 1500);
        Assert.Contains("Chosen (best)", log, StringComparison.Ordinal);
    }

    [Fact]
    public void LatencyIsMeasuredAndAnArchitectureCanBeNamed()
    {
        Train("super");
        Search(new() { Budget = 4, Method = "random", Objectives = "error,latency,parameters", Choose = "2,2,0,1,2", Repetitions = 3, WarmUp = 1 });
        var latencies = JsonNode.Parse(File.ReadAllText(Of("super", "search", "front.json")))!["front"]!.AsArray().Select(member => (double)member!["objectives"]![1]!);
        Assert.All(latencies, latency => Assert.InRange(latency, 1e-4, 1e4));
        Assert.Equal("2,2,0,1,2", (string)ModelManifest.Load(Of("super-subnet")).Training!["architecture"]!);
    }

    [Fact]
    public void TheChosenOneCanBeTrainedAnew()
    {
        Train("super");
        var log = Search(new() { Budget = 4, Method = "random", Objectives = "loss,flops", Choose = "2,1,0,1,0", Retrain = 7, Repetitions = 2 });
        Assert.Contains("trained anew in 7 steps", log, StringComparison.Ordinal);
        var training = ModelManifest.Load(Of("super-subnet")).Training!;
        Assert.Equal((7, "2,1,0,1,0", "super"), ((int)training["steps"]!, (string)training["architecture"]!, (string)training["supernet"]!));
        Assert.Contains("retrained", File.ReadAllText(Of("super", "search.html")), StringComparison.Ordinal);
    }

    [Fact]
    public void AStoppedTrainingOfASupernetEndsWithTheWeightsOfAnUndisturbedOne()
    {
        Train("whole", steps: 9);
        using (var stop = new CancellationTokenSource())
            Train("stopped", new StoppingWriter(stop), 9, stop.Token);
        Assert.False(File.Exists(Of("stopped", "manifest.json")));
        Train("stopped", steps: 9);
        Assert.Equal(File.ReadAllBytes(Of("whole", "weights.safetensors")), File.ReadAllBytes(Of("stopped", "weights.safetensors")));
    }

    [Theory]
    [InlineData("Search:Objectives has 'speed'; there are loss, error, parameters, flops, latency.", "speed", "knee", "")]
    [InlineData("give 1 to 3 different ones", "loss,loss", "knee", "")]
    [InlineData("has 5 genes, not 2", "loss,flops", "1,2", "")]
    [InlineData("Search:Limit is 'latency=1'; it must be one of the objectives (loss, flops)", "loss,flops", "best", "latency=1")]
    [InlineData("which nothing on the front keeps; the least flops is", "loss,flops", "best", "flops=10")]
    public void MistakesAreNamed(string says, string objectives, string choose, string limit)
    {
        Train("super", steps: 2);
        var error = Assert.Throws<UserError>(() => Search(new() { Budget = 6, Method = "random", Objectives = objectives, Choose = choose, Limit = limit }));
        Assert.Contains(says, error.Message, StringComparison.Ordinal);
        Assert.False(Directory.Exists(Of("super-subnet")));
    }

    [Fact]
    public void WhatIsNoSupernetIsNamed()
    {
        TrainRun.Execute(Of("plain"), Settings(2) with { Name = "plain", Supernet = new() }, TextWriter.Null, terminal: false, default);
        Assert.Contains("'plain' is no supernet", Assert.Throws<UserError>(() => SearchRun.Execute(Of("plain"), new(), new(), 1, TextWriter.Null, false, default)).Message, StringComparison.Ordinal);
        var settings = Settings(2);
        settings.Model.Backbone = ModelOptions.Encoder;
        Assert.Contains("is no supernet; there are supernets of all other kinds", Assert.Throws<UserError>(() => TrainRun.Execute(Of("encoder"), settings, TextWriter.Null, false, default)).Message, StringComparison.Ordinal);
        Assert.Contains("There is no search space", Assert.Throws<UserError>(() =>
            TrainRun.Execute(Of("lost"), Settings(2) with { Supernet = new() { Space = "nowhere" } }, TextWriter.Null, false, default)).Message, StringComparison.Ordinal);
    }

    private string Of(params string[] parts) => Path.Combine([_folder, .. parts]);

    private DataOptions Data() => new() { Source = "digits", Folder = Path.Combine(_folder, "data"), PatchSide = 8 };

    private TrainSettings Settings(int steps) => new("", 3, Data(), new ModelOptions { Backbone = ModelOptions.Perceptron, Activation = "relu", InitialDeviation = 0.1 },
        new TrainerOptions { Steps = steps, BatchSize = 20, WarmupSteps = 2, EvaluateEvery = 4, CheckpointEvery = 3, Threads = 1, LearningRate = 0.01 })
    {
        Supernet = new() { Space = Of("space.json") },
    };

    private void Train(string name, TextWriter? log = null, int steps = 40, CancellationToken stop = default) =>
        TrainRun.Execute(Of(name), Settings(steps) with { Name = name }, log ?? TextWriter.Null, terminal: false, stop);

    private string Search(SearchOptions options)
    {
        var log = new StringWriter();
        SearchRun.Execute(Of("super"), options, new ExportOptions { Target = "onnx" }, 1, log, terminal: false, default);
        return log.ToString();
    }

    private sealed class StoppingWriter(CancellationTokenSource stop) : StringWriter
    {
        public override void WriteLine(string? value)
        {
            if (value!.StartsWith("step 4", StringComparison.Ordinal))
                stop.Cancel();
        }
    }
}
