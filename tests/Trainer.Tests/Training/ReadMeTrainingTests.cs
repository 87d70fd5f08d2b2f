using System.Text.Json.Nodes;
using OnnxMoe.Artifacts;
using OnnxMoe.Artifacts.Routing;
using OnnxMoe.Artifacts.Tensors;
using OnnxMoe.Trainer.Data;
using OnnxMoe.Trainer.Training;

namespace OnnxMoe.Trainer.Tests.Training;

/// <summary>A dense model of two domains becomes a pre-gated one, through the stage train.</summary>
public sealed class ReadMeTrainingTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("onnxmoe-read-me").FullName;

    public ReadMeTrainingTests()
    {
        var random = new Random(1);
        foreach (var (name, words) in new[] { ("text", "the state of union is strong and people free"), ("code", "let x = 0; return y while true") })
        {
            var vocabulary = words.Split(' ');
            Directory.CreateDirectory(Path.Combine(_folder, name));
            for (var document = 0; document < 8; document++)
                File.WriteAllText(Path.Combine(_folder, name, $"{document}.txt"), string.Join(' ', Enumerable.Range(0, 200).Select(_ => vocabulary[random.Next(vocabulary.Length)])));
        }
        Train("dense", settings => (settings.Model.FirstDenseLayers, settings.Model.DenseHidden, settings.Trainer.Steps) = (2, 24, 4));
    }

    [Theory]
    [InlineData(1)] // within the first router phase
    [InlineData(5)] // within the first phase of the model
    [InlineData(8)] // within the second router phase
    public void ARunThatWasStoppedInAnyPhaseEndsWithTheWeightsOfAnUndisturbedOne(int stopAt)
    {
        Train("whole", ReadMe);
        using (var stop = new CancellationTokenSource())
            Train("stopped", settings => { ReadMe(settings); settings.Trainer.EvaluateEvery = stopAt; }, new Stopper(stopAt, stop), stop.Token);
        // Where the evaluation comes is part of the settings, so the stopped run is finished with them.
        Train("stopped", settings => { ReadMe(settings); settings.Trainer.EvaluateEvery = stopAt; });
        Assert.Equal(Read("whole", "checkpoints/last.safetensors").Select(pair => pair.Key), Read("stopped", "checkpoints/last.safetensors").Select(pair => pair.Key));
        foreach (var (name, tensor) in Read("whole", "checkpoints/last.safetensors"))
            Assert.True(tensor.Data.AsSpan().SequenceEqual(Read("stopped", "checkpoints/last.safetensors").Single(pair => pair.Key == name).Value.Data), $"{name} differs.");
    }

    [Fact]
    public void EachPhaseTrainsItsOwnWeightsAlone()
    {
        Train("start", settings => { ReadMe(settings); (settings.Trainer.Steps, settings.Trainer.LearningRate, settings.Trainer.Alternation.RouterLearningRate) = (1, 0, 0); });
        Train("router", settings => { ReadMe(settings); settings.Trainer.Steps = 3; });
        Train("both", settings => { ReadMe(settings); settings.Trainer.Steps = 6; });
        var (start, router, both) = (Last("start"), Last("router"), Last("both"));
        foreach (var name in start.Keys)
        {
            var isRouter = name.StartsWith("router.", StringComparison.Ordinal);
            Assert.Equal(isRouter, !start[name].SequenceEqual(router[name]));
            Assert.Equal(isRouter, router[name].SequenceEqual(both[name]));
        }
    }

    [Fact]
    public void LeavesACompleteModelFolder()
    {
        Train("model", ReadMe);
        var folder = Path.Combine(_folder, "model");
        var manifest = ModelManifest.Load(folder);
        manifest.Verify(folder);
        Assert.Equal(["expert_masks.safetensors", "trace.bin", "training.html", "weights.safetensors"], manifest.Files.Keys);
        Assert.Equal(("router.onnx", 2), (manifest.PreGate!.File, manifest.PreGate.Experts));

        // The sizes that the masks decided are in the recipe, so that the model can be built again; each expert and the shared part make floor(24 / 2) - 1.
        Assert.All(manifest.MoeLayers, layer => Assert.Equal(11, layer.ExpertHidden + layer.SharedHidden));
        Assert.Equal(manifest.Parameters, OnnxMoe.Trainer.Backbones.ModelCost.Parameters(TrainedModel.Load(folder).Model));
        using var masks = SafetensorsReader.Open(Path.Combine(folder, "expert_masks.safetensors"));
        Assert.Equal(22, masks.Read("layers.1.kept").Data.Sum(unit => unit));
        Assert.Equal("model", masks.Metadata["routing_scope"]);
        Assert.Equal($"{Path.Combine(_folder, "text")},{Path.Combine(_folder, "code")}", masks.Metadata["domains"]);

        var trace = RoutingTrace.Load(Path.Combine(folder, "trace.bin"));
        Assert.Equal(trace.Ids(0).ToArray(), trace.Ids(1).ToArray());
        Assert.Equal([new TracedLayer(0, 2, 1), new TracedLayer(1, 2, 1)], trace.Header.Layers);
        var entries = File.ReadLines(Path.Combine(folder, "metrics.jsonl")).Select(line => JsonNode.Parse(line)!).ToArray();
        Assert.Equal((6, 8), (entries.Count(entry => entry["router_loss"] is not null), entries.Count(entry => entry["loss"] is not null)));
    }

    public static TheoryData<string, Action<TrainSettings>> Mistakes() => new()
    {
        { "Data:Source names 1", s => s.Data.Source = s.Data.Source.Split(',')[0] },
        { "Model:Experts is 3", s => s.Model.Experts = 3 },
        { "set Model:PreGate:Layers", s => s.Model.PreGate.Layers = 0 },
        { "Start:Extraction:KeepRate is 0.05", s => s.Start.Extraction.KeepRate = 0.05 },
        { "Model:FfnBias", s => s.Model.FfnBias = true },
        { "takes one model", s => s.Start.From = "dense,dense" },
        { "Trainer:Alternation:RouterSteps", s => (s.Start.From, s.Model.ExpertHidden) = ("", 11) },
        { "Model:PreGate:HiddenSize is 32", s => s.Model.PreGate.HiddenSize = 32 },
    };

    [Theory]
    [MemberData(nameof(Mistakes))]
    public void MistakesAreNamedBeforeAnythingIsTrained(string expected, Action<TrainSettings> mistake)
    {
        var error = Assert.Throws<UserError>(() => Train("model", settings => { ReadMe(settings); mistake(settings); }));
        Assert.Contains(expected, error.Message);
        Assert.False(File.Exists(Path.Combine(_folder, "model", "manifest.json")));
    }

    [Fact]
    public void OnlyADenseModelIsCut()
    {
        Train("model", ReadMe);
        Assert.Contains("has routed layers", Assert.Throws<UserError>(() => Train("again", settings => { ReadMe(settings); settings.Start.From = "model"; })).Message);
    }

    /// <summary>A router for other tokens than the model's has an embedding of other rows.</summary>
    [Fact]
    public void ARouterOfAnotherVocabularyIsRefused()
    {
        Train("model", ReadMe);
        var weights = Path.Combine(_folder, "model", "weights.safetensors");
        Safetensors.Save(weights, Read("model", "weights.safetensors").Select(pair =>
            pair.Key == "router.embedding" ? KeyValuePair.Create(pair.Key, HostTensor.From(new float[200 * 8], 200, 8)) : pair).ToArray());
        ModelManifest.Load(Path.Combine(_folder, "model")).WithFiles(Path.Combine(_folder, "model"), "weights.safetensors").Save(Path.Combine(_folder, "model"));
        Assert.Contains("router.embedding", Assert.Throws<UserError>(() => TrainedModel.Load(Path.Combine(_folder, "model"))).Message);
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private static void ReadMe(TrainSettings settings)
    {
        (settings.Start.From, settings.Start.Convert, settings.Start.Extraction.Samples) = ("dense", "read-me", 5);
        settings.Model.PreGate = new() { Layers = 1, HiddenSize = 8, Heads = 2 };
        settings.Trainer.Alternation = new() { RouterSteps = 3, BackboneSteps = 4, RouterLearningRate = 0.01 };
    }

    private void Train(string name, Action<TrainSettings> change, TextWriter? log = null, CancellationToken stop = default)
    {
        var settings = new TrainSettings(name, 3,
            new DataOptions
            {
                Source = $"{Path.Combine(_folder, "text")},{Path.Combine(_folder, "code")}",
                Folder = Path.Combine(_folder, "data"),
                Tokenizer = "bytes",
                ValidationFraction = 0.25,
                TestFraction = 0,
            },
            new() { Layers = 2, HiddenSize = 16, Heads = 4, ContextLength = 12, Experts = 2, ExpertsPerToken = 1, SharedExperts = 0, InitialDeviation = 0.3 },
            new TrainerOptions { Steps = 14, BatchSize = 3, WarmupSteps = 0, EvaluateEvery = 7, CheckpointEvery = 100, EvaluationTokens = 120, Threads = 1, LearningRate = 0.01 });
        change(settings);
        TrainRun.Execute(Path.Combine(_folder, name), settings, log ?? TextWriter.Null, terminal: false, stop);
    }

    private Dictionary<string, byte[]> Last(string name) =>
        Read(name, "checkpoints/last.safetensors").Where(pair => !pair.Key.Contains('/')).ToDictionary(pair => pair.Key, pair => pair.Value.Data.ToArray());

    private KeyValuePair<string, HostTensor>[] Read(string name, string file)
    {
        using var reader = SafetensorsReader.Open(Path.Combine(_folder, name, file));
        return [.. reader.Entries.Select(entry => KeyValuePair.Create(entry.Name, reader.Read(entry.Name)))];
    }

    /// <summary>Stops a run when it has evaluated at a step.</summary>
    private sealed class Stopper(int step, CancellationTokenSource stop) : StringWriter
    {
        public override void WriteLine(string? value)
        {
            if (value!.StartsWith($"step {step}:", StringComparison.Ordinal))
                stop.Cancel();
        }
    }
}
