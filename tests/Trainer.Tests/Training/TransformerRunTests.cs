using OnnxMoe.Artifacts;
using OnnxMoe.Search.Spaces;
using OnnxMoe.Trainer.Backbones;
using OnnxMoe.Trainer.Data;
using OnnxMoe.Trainer.Layers;
using OnnxMoe.Trainer.Ops;
using OnnxMoe.Trainer.Supernets;
using OnnxMoe.Trainer.Tests.Data;
using OnnxMoe.Trainer.Tests.Supernets;
using OnnxMoe.Trainer.Training;
using TorchSharp;

namespace OnnxMoe.Trainer.Tests.Training;

public sealed class TransformerRunTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory().FullName;
    private readonly CorpusFolder _corpus = new CorpusFolder().AddTen();

    public TransformerRunTests()
    {
        SwordFolder.WriteBible(Path.Combine(_folder, "data"));
        File.WriteAllText(Path.Combine(_folder, "space.json"), """{"name": "toy", "genes": [{"name": "width", "choices": [8, 16]}, {"name": "depth", "choices": [1, 2]}, {"name": "hidden", "count": 2, "choices": [8, 16], "depth": "depth"}]}""");
    }

    public void Dispose()
    {
        _corpus.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    [Theory]
    [InlineData(ModelOptions.MaskedLm, false)]
    [InlineData(ModelOptions.EncoderDecoder, false)]
    [InlineData(ModelOptions.Decoder, true)]
    [InlineData(ModelOptions.EncoderDecoder, true)]
    public void LeavesACompleteModelFolderOfAModelThatLearned(string backbone, bool super)
    {
        Train("model", Settings(backbone, super, 60));
        var manifest = ModelManifest.Load(Of("model"));
        manifest.Verify(Of("model"));
        Assert.True((double)manifest.Training!["testLoss"]! < 0.8 * Math.Log(257));
        Assert.Equal(super, manifest.Files.ContainsKey(TrainedModel.SpaceFile));
        Assert.Equal(backbone == ModelOptions.EncoderDecoder && !super, manifest.Training["testBleu"] is not null);
        var trained = TrainedModel.Load(Of("model"));
        Assert.Equal(super, trained.Supernet is not null);
        var settings = Settings(backbone, super, 60);
        var task = TokenTask.Of(settings.Data, settings.Model, settings.Model.ContextLength, settings.Trainer.EvaluationTokens, TextWriter.Null);
        Assert.Equal((double)manifest.Training["testLoss"]!, TransformerLoss.Measure((TransformerModel)trained.Any, task.HeldOut(test: true, 5), null), 1e-5);
    }

    [Fact]
    public void AnEncoderDecoderLearnsToTranslate()
    {
        var settings = Settings(ModelOptions.EncoderDecoder, super: false, 120);
        (settings.Data.Tokenizer, settings.Data.VocabularySize) = ("bpe", 300);
        Train("model", settings);
        Assert.True((double)ModelManifest.Load(Of("model")).Training!["testBleu"]! > 50);
    }

    [Theory]
    [InlineData(ModelOptions.Decoder)]
    [InlineData(ModelOptions.MaskedLm)]
    public void ARunThatWasStoppedEndsWithTheWeightsOfAnUndisturbedOne(string backbone)
    {
        var settings = Settings(backbone, super: true, 9);
        settings.Supernet.Mixture.Experts = 2;
        Train("whole", settings);
        using (var stop = new CancellationTokenSource())
            Train("stopped", settings, new StoppingWriter(stop), stop.Token);
        Assert.False(File.Exists(Of("stopped", "manifest.json")));
        Train("stopped", settings);
        Assert.Equal(File.ReadAllBytes(Of("whole", "weights.safetensors")), File.ReadAllBytes(Of("stopped", "weights.safetensors")));
    }

    [Fact]
    public void AStepSumsTheGradientsOfItsArchitectures()
    {
        var settings = Settings(ModelOptions.MaskedLm, super: true, 9);
        var task = TokenTask.Of(settings.Data, settings.Model, 12, 100, TextWriter.Null);
        var space = SearchSpaceFile.Read(Of("space.json"));
        settings.Trainer.ClipNorm = 0;
        settings.Trainer.LearningRate = 0;
        var teacher = (TransformerModel)new MaskedLm(Transformers.Options(ModelOptions.MaskedLm), 257, seed: 5);

        Dictionary<string, torch.Tensor> Gradients(PathSampler paths)
        {
            var supernet = new TransformerSupernet(settings.Model, settings.Supernet, space, 257, seed: 1);
            var seen = new Dictionary<string, torch.Tensor>();
            using var step = new TransformerStep(supernet.Transformer, task, new WeightOptimizer(supernet.Model.Weights, settings.Trainer), settings.Trainer, 3, null)
            {
                Supernet = supernet,
                Paths = paths,
                Distillation = new Distillation(teacher, new() { RelationHeads = 2 }),
            };
            step.Run(4);
            foreach (var (name, moment) in step.Moments().Where(moment => moment.Name.StartsWith("first/", StringComparison.Ordinal)))
                seen[name] = moment.clone(); // of the first step: the gradient times a constant
            return seen;
        }

        var sandwich = new SandwichPaths(space, 2, seed: 3);
        var together = Gradients(sandwich);
        var apart = sandwich.Sample(4).Select(architecture => Gradients(new Only(architecture))).ToArray();
        Assert.Equal(4, apart.Length);
        Assert.True(together.Values.Max(sum => sum.abs().max().item<float>()) > 1e-4);
        foreach (var (name, sum) in together)
        {
            var expected = apart.Select(one => one.GetValueOrDefault(name)).OfType<torch.Tensor>().Aggregate(torch.zeros_like(sum), (a, b) => a + b);
            Assert.InRange((expected - sum).abs().max().item<float>(), 0, 1e-6 + (1e-5 * sum.abs().max().item<float>()));
        }
    }

    [Fact]
    public void TheTeachersShapeWithItsWeightsIsTheTeacher()
    {
        var space = new SearchSpace("toy", [new("width", 1, ["6", "10"]), new("depth", 1, ["1", "3"]), new("heads", 1, ["1", "2"]), new("hidden", 1, ["5", "9"])]);
        var options = Transformers.Options(ModelOptions.MaskedLm);
        var teacher = new MaskedLm(options, Transformers.Vocabulary, seed: 9);
        var supernet = new TransformerSupernet(options, new() { Depth = "spread" }, space, Transformers.Vocabulary, seed: 1);
        TransformerStart.CopyLeading(teacher, supernet.Transformer);
        Assert.Equal(Transformers.Logits(teacher), Transformers.Logits(supernet.Model));
        var distillation = new Distillation(teacher, new() { RelationHeads = 4 });
        var batch = new TaskBatch(new TokenBatch([1, 2, 3, 4, 5, 6], [1, 2, 3, 4, 5, 6], 2, 3));
        using var noGrad = torch.no_grad();
        double Loss() => distillation.Loss(supernet.Transformer, batch, distillation.Teach(batch, null), new TorchOps()).item<float>();
        Assert.InRange(Loss(), 0, 1e-9);
        supernet.Active = space.Smallest;
        Assert.True(Loss() > 1e-6);
    }

    [Fact]
    public void AStudentLearnsTheTeachersRelationsAndIsThenTrainedOn()
    {
        Train("teacher", Settings(ModelOptions.MaskedLm, super: false, 30));
        var settings = Settings(ModelOptions.MaskedLm, super: true, 40);
        settings.Supernet.Distill.Teacher = "teacher";
        settings.Supernet.Distill.FromTeacher = false;
        Train("students", settings);
        var lines = File.ReadAllLines(Of("students", "metrics.jsonl")).Where(line => line.Contains("validation_loss", StringComparison.Ordinal)).Select(line => (double)System.Text.Json.Nodes.JsonNode.Parse(line)!["validation_loss"]!).ToArray();
        Assert.True(lines[^1] < 0.8 * lines[0], string.Join(' ', lines));
        Assert.Equal("teacher", (string)ModelManifest.Load(Of("students")).Training!["teacher"]!["name"]!);

        settings.Supernet.Distill.RelationHeads = 40;
        Assert.Contains("cannot be cut into 40 relation heads", Refused("narrow", settings), StringComparison.Ordinal);
        settings.Supernet.Distill.RelationHeads = 0;
        settings.Data.Tokenizer = "bpe";
        Assert.Contains("has other tokens than the supernet", Refused("tokens", settings), StringComparison.Ordinal);
        settings.Supernet.Distill.Teacher = "students";
        Assert.Contains("must be an ordinary model of Model:Backbone=masked-lm", Refused("super", settings), StringComparison.Ordinal);
    }

    [Fact]
    public void AModelTakesTheSizesOfTheOneItStartsFrom()
    {
        Train("first", Settings(ModelOptions.MaskedLm, super: false, 3));
        var settings = Settings(ModelOptions.MaskedLm, super: false, 1);
        (settings.Start.From, settings.Start.TakeSizes, settings.Model.HiddenSize, settings.Model.Layers) = ("first", true, 32, 1);
        settings.Model.FirstDenseLayers = 1;
        Train("second", settings);
        Assert.Equal(16, ((TransformerModel)TrainedModel.Load(Of("second")).Any).Options.HiddenSize);
        settings.Model.Backbone = ModelOptions.EncoderDecoder;
        Assert.Contains("needs the same kind", Refused("third", settings), StringComparison.Ordinal);
    }

    [Fact]
    public void AModelStartsFromOneOfItsSizes()
    {
        Train("first", Settings(ModelOptions.MaskedLm, super: false, 12));
        var settings = Settings(ModelOptions.MaskedLm, super: false, 1);
        settings.Start.From = "first";
        settings.Trainer.LearningRate = 0;
        Train("second", settings);
        Assert.Equal((double)ModelManifest.Load(Of("first")).Training!["testLoss"]!, (double)ModelManifest.Load(Of("second")).Training!["testLoss"]!, 1e-5);
        settings.Model.DenseHidden = 24;
        Assert.Contains("has other sizes", Refused("third", settings), StringComparison.Ordinal);
    }

    [Fact]
    public void SettingsThatOnlySupernetsOfTransformersFollowAreRefusedElsewhere()
    {
        var plain = Settings(ModelOptions.MaskedLm, super: false, 1);
        plain.Supernet.Mixture.Experts = 2;
        Assert.Contains("only supernets of transformers mix weights", Refused("plain", plain), StringComparison.Ordinal);
        plain.Supernet.Mixture.Experts = 1;
        plain.Supernet.Distill.Teacher = "teacher";
        Assert.Contains("only supernets of transformers have a teacher", Refused("plain", plain), StringComparison.Ordinal);
        var causal = Settings(ModelOptions.Decoder, super: false, 1);
        causal.Trainer.LabelSmoothing = 0.1;
        Assert.Contains("Trainer:LabelSmoothing is 0.1", Refused("causal", causal), StringComparison.Ordinal);
        (causal.Trainer.LabelSmoothing, causal.Start.TakeSizes) = (0, true);
        Assert.Contains("Start:TakeSizes is for", Refused("causal", causal), StringComparison.Ordinal);
        var halves = Settings(ModelOptions.Decoder, super: false, 1);
        halves.Model.Target.Layers = 2;
        Assert.Contains("but Model:Backbone is decoder", Refused("halves", halves), StringComparison.Ordinal);
        halves.Model.Target.Layers = 0;
        halves.Model.LayerHidden = [4];
        Assert.Contains("Model:LayerHidden has 1 numbers for 2 blocks", Refused("halves", halves), StringComparison.Ordinal);
    }

    private string Refused(string name, TrainSettings settings) => Assert.Throws<UserError>(() => Train(name, settings)).Message;

    private string Of(params string[] parts) => Path.Combine([_folder, .. parts]);

    private TrainSettings Settings(string backbone, bool super, int steps)
    {
        var data = _corpus.Options;
        (data.Tokenizer, data.MaskedShare) = ("bytes", 0.3);
        if (backbone == ModelOptions.EncoderDecoder)
            (data.Source, data.Folder) = (ParallelText.Bible, Of("data"));
        var model = new ModelOptions { Backbone = backbone, Layers = 2, FirstDenseLayers = 2, HiddenSize = 16, Heads = 2, HeadSize = 8, DenseHidden = 16, ContextLength = 24, InitialDeviation = 0.2 };
        return new TrainSettings("", 3, data, model, new TrainerOptions { Steps = steps, BatchSize = 12, WarmupSteps = 2, LearningRate = 0.02, EvaluateEvery = Math.Max(1, steps / 2), CheckpointEvery = 3, EvaluationTokens = 480, Threads = 1 })
        {
            Supernet = super ? new() { Space = Of("space.json") } : new(),
        };
    }

    private void Train(string name, TrainSettings settings, TextWriter? log = null, CancellationToken stop = default) =>
        TrainRun.Execute(Of(name), settings with { Name = name }, log ?? TextWriter.Null, terminal: false, stop);

    private sealed class Only(Architecture architecture) : PathSampler
    {
        public override IReadOnlyList<Architecture> Sample(int step) => [architecture];
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
