using System.Text.Json.Nodes;
using OnnxMoe.Artifacts;
using OnnxMoe.Exporter;
using OnnxMoe.Exporter.Verification;
using OnnxMoe.Search.Spaces;
using OnnxMoe.Trainer.Backbones;
using OnnxMoe.Trainer.Data;
using OnnxMoe.Trainer.Training;

namespace OnnxMoe.Supernets.Tests;

/// <summary>From a recipe of transformers to the subnetwork as a model of its own.</summary>
public sealed class TransformerSearchTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory().FullName;

    public TransformerSearchTests()
    {
        Directory.CreateDirectory(Of("texts"));
        for (var i = 0; i < 10; i++)
        {
            var random = new Random(i);
            File.WriteAllText(Of("texts", $"{i}.txt"), string.Join(' ', Enumerable.Range(0, 200).Select(_ => (string[])["law", "people", "of", "the"]).Select(words => words[random.Next(4)])));
        }
        File.WriteAllText(Of("space.json"), """
            {"name": "toy", "genes": [{"name": "width", "choices": [8, 16]}, {"name": "depth", "choices": [1, 2]}, {"name": "heads", "count": 2, "choices": [1, 2], "depth": "depth"}, {"name": "hidden", "count": 2, "choices": [8, 16], "depth": "depth"}]}
            """);
        File.WriteAllText(Of("parts.json"), """
            {"name": "parts", "genes": [
              {"name": "part", "choices": ["tiny", "base"]},
              {"name": "width@tiny", "choices": [6, 8], "when": {"gene": "part", "is": ["tiny"]}}, {"name": "width@base", "choices": [12, 16], "when": {"gene": "part", "is": ["base"]}},
              {"name": "depth", "choices": [1, 2]}, {"name": "heads", "choices": [1, 2]}, {"name": "ratio", "choices": [1, 2]}]}
            """);
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Theory]
    [InlineData(ModelOptions.Decoder, 1, "loss,latency")]
    [InlineData(ModelOptions.MaskedLm, 2, "loss,parameters")]
    public void ASearchLeavesAFrontAndAModelOfItsOwn(string backbone, int experts, string objectives)
    {
        var settings = Settings("super", backbone, "space.json");
        (settings.Supernet.Mixture.Experts, settings.Supernet.Mixture.Variant) = (experts, "neuron");
        Train(settings);
        var log = Search("super", new() { Budget = 10, Method = "evolution", Objectives = objectives, Evolution = { Population = 6 }, Repetitions = 2, WarmUp = 0 });
        var front = JsonNode.Parse(File.ReadAllText(Of("super", "search", "front.json")))!;
        Assert.Equal(10, (int)front["measured"]!);
        Assert.Contains("of the supernet", log, StringComparison.Ordinal);

        var chosen = TrainedModel.Load(Of("super-subnet"));
        chosen.Manifest.Verify(Of("super-subnet"));
        Assert.Null(chosen.Supernet);
        Assert.Equal(["onnx", "onnxmoe", "onnxruntime"], chosen.Manifest.Exports.Select(export => export.Target).Order());
        var supernet = TrainedModel.Load(Of("super")).Supernet!;
        supernet.Active = Architecture.Parse(supernet.Space, (string)front["chosen"]!);
        var task = TokenTask.Of(settings.Data, settings.Model, 16, 320, TextWriter.Null);
        double Loss(Model model) => TransformerLoss.Measure((TransformerModel)model, task.HeldOut(test: false, 4), null);
        Assert.Equal(Loss(supernet.Model), Loss(chosen.Any), 1e-5);
        Assert.Equal((double)chosen.Manifest.Training!["validationLoss"]!, Loss(chosen.Any), 1e-5);
        Assert.Equal(backbone == ModelOptions.Decoder, chosen.Manifest.LanguageModel is not null);
    }

    [Fact]
    public void StudentsAreRankedByTheirDistanceFromTheTeacherWithinALimit()
    {
        Train(Settings("teacher", ModelOptions.MaskedLm, null));
        var settings = Settings("students", ModelOptions.MaskedLm, "parts.json");
        (settings.Supernet.Depth, settings.Supernet.RandomPaths, settings.Supernet.Distill.Teacher) = ("spread", 2, "teacher");
        Train(settings);
        var log = Search("students", new() { Budget = 16, Method = "random", Objectives = "loss,parameters", Choose = "best", Limit = "parameters=6000" });
        var chosen = TrainedModel.Load(Of("students-subnet"));
        Assert.InRange(ModelCost.Parameters(chosen.Any).Total, 1, 6000);
        var front = JsonNode.Parse(File.ReadAllText(Of("students", "search", "front.json")))!;
        var distance = (double)front["front"]!.AsArray().Single(member => (string)member!["genes"]! == (string)front["chosen"]!)!["objectives"]![0]!;
        Assert.Equal(distance, (double)chosen.Manifest.Training!["validationLoss"]!, 1e-6);
        var task = TokenTask.Of(settings.Data, settings.Model, 16, 320, TextWriter.Null);
        Assert.True(Math.Abs(distance - TransformerLoss.Measure((TransformerModel)chosen.Any, task.HeldOut(test: false, 4), null)) > 0.1, log); // of the relations, not of the tokens

        // The chosen student is then trained on its own task.
        var student = new TrainSettings("student", 3, settings.Data, ((TransformerModel)chosen.Any).Options, settings.Trainer) { Start = new() { From = "students-subnet" } };
        Train(student);
        Assert.Null(ModelManifest.Load(Of("student")).Training!["teacher"]);
        Assert.True((double)ModelManifest.Load(Of("student")).Training!["testLoss"]! < Math.Log(257));
        Assert.Contains("which nothing on the front keeps", Assert.Throws<UserError>(() => Search("students", new() { Budget = 16, Method = "random", Objectives = "loss,parameters", Choose = "best", Limit = "parameters=10" })).Message, StringComparison.Ordinal);
    }

    private string Of(params string[] parts) => Path.Combine([_folder, .. parts]);

    private TrainSettings Settings(string name, string backbone, string? space) => new(name, 3,
        new DataOptions { Source = Of("texts"), Folder = Of("data"), Tokenizer = "bytes" },
        new ModelOptions { Backbone = backbone, Layers = 2, FirstDenseLayers = 2, HiddenSize = 16, Heads = 2, HeadSize = 8, DenseHidden = 32, ContextLength = 16, InitialDeviation = 0.2 },
        new TrainerOptions { Steps = 12, BatchSize = 8, WarmupSteps = 2, EvaluateEvery = 6, CheckpointEvery = 6, EvaluationTokens = 320, Threads = 1, LearningRate = 0.01 })
    {
        Supernet = space is null ? new() : new() { Space = Of(space) },
    };

    private void Train(TrainSettings settings) => TrainRun.Execute(Of(settings.Name), settings, TextWriter.Null, terminal: false, default);

    private string Search(string name, SearchOptions options)
    {
        var log = new StringWriter();
        SearchRun.Execute(Of(name), options, new ExportOptions { Target = "onnx,onnxmoe,onnxruntime", VerificationTokens = 12 }, 1, log, terminal: false, default);
        return log.ToString();
    }
}
