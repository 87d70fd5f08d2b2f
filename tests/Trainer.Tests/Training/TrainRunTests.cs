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
        string[] other = ["let", "x", "=", "0;", "return", "y"];
        foreach (var (name, vocabulary) in ((string, string[])[])[("text", words), ("code", other)])
        {
            Directory.CreateDirectory(Path.Combine(_folder, name));
            for (var document = 0; document < 8; document++)
            {
                File.WriteAllText(Path.Combine(_folder, name, $"{document}.txt"),
                    string.Join(' ', Enumerable.Range(0, 400).Select(_ => vocabulary[random.Next(vocabulary.Length)])));
            }
        }
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void ARunThatWasStoppedOrKilledEndsWithTheWeightsOfAnUndisturbedOne(bool twoDomains)
    {
        Action<TrainSettings> change = twoDomains ? TwoDomains : _ => { };
        Train("whole", change: change);

        using (var stop = new CancellationTokenSource())
        {
            Train("stopped", new LineWatcher(line => line.StartsWith("step 4", StringComparison.Ordinal), stop.Cancel), stop.Token, change);
            Assert.False(File.Exists(Model("stopped", "manifest.json")));
        }
        Train("stopped", change: change);

        // A kill leaves what lies on the disk: here, the checkpoint of step 6 and metrics of steps behind it.
        Assert.Throws<Killed>(() => Train("killed", new LineWatcher(line => line.StartsWith("step 8", StringComparison.Ordinal), () => throw new Killed()), change: change));
        File.AppendAllText(Model("killed", "metrics.jsonl"), "{\"step\":9,\"lo");
        Train("killed", change: change);

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
    public void EachDomainIsMeasuredByItselfAndCountsTheSame()
    {
        Train("model", change: TwoDomains);
        string[] names = [Path.Combine(_folder, "text"), Path.Combine(_folder, "code")];
        foreach (var entry in Entries("model").Where(entry => entry["validation_loss"] is not null))
        {
            var byDomain = entry["validation_loss_by_domain"]!.AsObject();
            Assert.Equal(names, byDomain.Select(domain => domain.Key));
            Assert.Equal(byDomain.Average(domain => domain.Value!.GetValue<double>()), entry["validation_loss"]!.GetValue<double>(), 1e-12);
        }

        var training = ModelManifest.Load(Path.Combine(_folder, "model")).Training!;
        var domains = training["validationByDomain"]!.AsObject();
        Assert.Equal(names, domains.Select(domain => domain.Key));
        foreach (var (mean, part) in ((string, string)[])[("validationLoss", "loss"), ("validationBitsPerByte", "bitsPerByte"), ("bigramLoss", "bigramLoss")])
            Assert.Equal(domains.Average(domain => domain.Value![part]!.GetValue<double>()), training[mean]!.GetValue<double>(), 1e-12);
        // The bigram model of a domain knows that domain alone.
        var data = TokenDataset.Open(Settings(TwoDomains).Data, TextWriter.Null);
        foreach (var domain in data.Domains)
        {
            var bigram = new BigramBaseline(domain.Train.Tokens, data.Tokenizer.VocabularySize).NatsPerToken(domain.Validation.Covered(12, 5));
            Assert.Equal(bigram, domains[domain.Name]!["bigramLoss"]!.GetValue<double>(), 1e-12);
        }
        Assert.Contains("Validation loss by domain", File.ReadAllText(Model("model", "training.html")));
    }

    [Fact]
    public void TheTraceHoldsTheDomainsOneAfterTheOther()
    {
        Train("model", change: TwoDomains);
        var whole = RoutingTrace.Load(Model("model", "trace.bin"));
        Assert.Equal(Enumerable.Range(0, 120).Select(token => token / 12L), whole.Requests.ToArray()); // windows of 12

        var data = TokenDataset.Open(Settings(TwoDomains).Data, TextWriter.Null);
        var model = TrainedModel.Load(Path.Combine(_folder, "model")).Model;
        var ids = new List<int>();
        foreach (var domain in data.Domains)
        {
            using (var writer = new RoutingTraceWriter(Model("model", "part.bin"), whole.Header))
                new Evaluator(model, [domain], batchSize: 3, length: 12, tokens: 60, device: null).Run(writer);
            ids.AddRange(RoutingTrace.Load(Model("model", "part.bin")).Ids(0));
        }
        Assert.Equal(ids, whole.Ids(0).ToArray());
    }

    [Fact]
    public void OneSourceHasNoDomains()
    {
        Train("model");
        Assert.All(Entries("model"), entry => Assert.Null(entry["validation_loss_by_domain"]));
        Assert.Null(ModelManifest.Load(Path.Combine(_folder, "model")).Training!["validationByDomain"]);
        Assert.DoesNotContain("by domain", File.ReadAllText(Model("model", "training.html")));
    }

    [Fact]
    public void ATextThatIsNotDrawnIsStillMeasured()
    {
        Train("model", change: settings => { TwoDomains(settings); settings.Data.Shares = [0, 1]; });
        var domains = ModelManifest.Load(Path.Combine(_folder, "model")).Training!["validationByDomain"]!.AsObject().Select(domain => domain.Value!["loss"]!.GetValue<double>()).ToArray();
        Assert.True(domains[1] < domains[0], $"The loss on the drawn text is {domains[1]}, on the other {domains[0]}.");
    }

    [Fact]
    public void ADenseModelTrainsAndHasNoTrace()
    {
        Train("dense", change: s => s.Model.FirstDenseLayers = s.Model.Layers);
        var manifest = ModelManifest.Load(Path.Combine(_folder, "dense"));
        Assert.Equal(["tokenizer.json", "training.html", "weights.safetensors"], manifest.Files.Keys);
        Assert.Empty(manifest.MoeLayers);
        Assert.Equal(manifest.Parameters.Total, manifest.Parameters.Active);
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
    public void ACopyStartsFromTheWeightsOfAnotherModel()
    {
        Train("model");
        var log = new StringWriter();
        Train("copy", log, change: s => (s.Start.From, s.Trainer.LearningRate) = ("model", 0));

        Assert.Contains("Initial weights from model (copy).", log.ToString());
        Assert.Equal(File.ReadAllBytes(Model("model", "weights.safetensors")), File.ReadAllBytes(Model("copy", "weights.safetensors")));
        var origin = ModelManifest.Load(Path.Combine(_folder, "copy")).Training!["start"]![0]!;
        Assert.Equal("model", origin["model"]!.GetValue<string>());
        Assert.Contains("needs a model of the same form", Assert.Throws<UserError>(() => Train("wider", change: s => (s.Start.From, s.Model.ExpertHidden) = ("model", 4))).Message);
        Assert.Contains("another tokenizer", Assert.Throws<UserError>(() => Train("bytes", change: s => (s.Start.From, s.Data.Tokenizer) = ("model", "bytes"))).Message);
    }

    [Fact]
    public void FrozenWeightsStayAsTheyWere()
    {
        Train("model", change: s => s.Model.Router.Frozen = true);
        Train("start", change: s => (s.Model.Router.Frozen, s.Trainer.Steps, s.Trainer.LearningRate, s.Trainer.EvaluateEvery) = (true, 1, 0, 1));
        using var trained = OnnxMoe.Artifacts.Tensors.SafetensorsReader.Open(Model("model", "weights.safetensors"));
        using var initial = OnnxMoe.Artifacts.Tensors.SafetensorsReader.Open(Model("start", "weights.safetensors"));

        Assert.Equal(initial.Read("layers.1.moe.router.weight").Data, trained.Read("layers.1.moe.router.weight").Data);
        Assert.NotEqual(initial.Read("layers.1.moe.experts.up").Data, trained.Read("layers.1.moe.experts.up").Data);
    }

    [Fact]
    public void EveryNumberOfExpertsThatCallersMayChooseIsMeasuredAndTraced()
    {
        var log = new StringWriter();
        Train("model", log, change: s =>
        {
            s.Model.ExpertsPerToken = 4;
            (s.Model.Router.ActiveExperts.Schedule, s.Model.Router.ActiveExperts.Offered) = ("linear", [1, 4, 6]);
        });
        var manifest = ModelManifest.Load(Path.Combine(_folder, "model"));
        var active = manifest.ActiveExperts!;
        Assert.Equal((1, 6, 4), (active.Least, active.Most, active.Default));
        Assert.Equal([1, 4, 6], active.Measured.Select(quality => quality.K));
        Assert.Equal(manifest.Training!["validationLoss"]!.GetValue<double>(), active.Measured[1].ValidationLoss, 1e-6);
        Assert.Equal(3, active.Measured.Select(quality => quality.ValidationLoss).Distinct().Count());
        const double expert = 3 * 2 * 16 * 8; // one routed layer of gated experts
        Assert.Equal([3 * expert, 2 * expert], active.Measured.Zip(active.Measured.Skip(1), (few, many) => many.FlopsPerToken - few.FlopsPerToken));
        foreach (var quality in active.Measured)
            Assert.Equal([new TracedLayer(1, 6, quality.K)], RoutingTrace.Load(Model("model", $"trace-k{quality.K}.bin")).Header.Layers);

        int[] growing = [.. Entries("model").Select(entry => entry["active_experts"]?.GetValue<int>()).OfType<int>()];
        Assert.Equal([.. Enumerable.Range(0, 10).Select(t => 1 + (int)Math.Round(3 * t / 10.0))], growing);
        Assert.Contains("With 6 active experts: validation loss ", log.ToString());
        Assert.Contains("Validation loss by active experts", File.ReadAllText(Model("model", "training.html")));
    }

    [Fact]
    public void AScheduleThatTheStepsAreTooFewForIsRefusedAtOnce()
    {
        var error = Assert.Throws<UserError>(() => Train("model", change: s => s.Model.Router.ActiveExperts.Schedule = "exponential"));
        Assert.Contains("Trainer:Steps is 10; it must be 300 or more.", error.Message);
        Assert.False(Directory.Exists(Path.Combine(_folder, "model")));
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

    private void Train(string name, TextWriter? log = null, CancellationToken stop = default, Action<TrainSettings>? change = null) =>
        TrainRun.Execute(Path.Combine(_folder, name), Settings(change) with { Name = name }, log ?? TextWriter.Null, terminal: false, stop);

    private TrainSettings Settings(Action<TrainSettings>? change)
    {
        var settings = new TrainSettings("", 3,
            new DataOptions { Source = Path.Combine(_folder, "text"), Folder = Path.Combine(_folder, "data"), Tokenizer = "bpe", VocabularySize = 270, ValidationFraction = 0.25, TestFraction = 0 },
            Some.SmallModel(),
            new TrainerOptions { Steps = 10, BatchSize = 3, WarmupSteps = 2, EvaluateEvery = 4, CheckpointEvery = 3, EvaluationTokens = 120, Threads = 1, LearningRate = 0.01 });
        change?.Invoke(settings);
        return settings;
    }

    private void TwoDomains(TrainSettings settings) => settings.Data.Source = $"{Path.Combine(_folder, "text")},{Path.Combine(_folder, "code")}";

    private string Model(string name, string file) => Path.Combine(_folder, name, file);

    private double[] Losses(string name, string key = "loss") =>
        [.. Entries(name).Select(entry => entry[key]?.GetValue<double>()).OfType<double>()];

    private IEnumerable<JsonNode> Entries(string name) => File.ReadLines(Model(name, "metrics.jsonl")).Select(line => JsonNode.Parse(line)!);

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
