using System.Globalization;
using OnnxMoe.Artifacts;
using OnnxMoe.Artifacts.Routing;
using OnnxMoe.Trainer.Backbones;
using OnnxMoe.Trainer.Data;
using OnnxMoe.Trainer.Training;

namespace OnnxMoe.Trainer.Tests.Training;

public sealed class ClassifierRunTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory().FullName;

    /// <summary>As many images as the real file has: each digit a bright patch at a place of its own, and noise.</summary>
    public ClassifierRunTests()
    {
        var random = new Random(1);
        Directory.CreateDirectory(Path.Combine(_folder, "data", "raw", "digits"));
        File.WriteAllLines(Path.Combine(_folder, "data", "raw", "digits", "digits.csv"), Enumerable.Range(0, DigitDataset.Images).Select(i =>
        {
            var pixels = Enumerable.Range(0, 64).Select(p => random.Next(4) + (p / 6 == i % 10 ? 12 : 0));
            return string.Join(',', pixels.Append(i % 10).Select(number => number.ToString(CultureInfo.InvariantCulture)));
        }));
    }

    [Fact]
    public void LeavesACompleteModelFolderOfAModelThatLearned()
    {
        var log = new StringWriter();
        Train("model", log);
        var folder = Path.Combine(_folder, "model");
        var manifest = ModelManifest.Load(folder);
        manifest.Verify(folder);

        Assert.Equal(["trace.bin", "training.html", "weights.safetensors"], manifest.Files.Keys);
        Assert.Equal((ModelManifest.SequenceClassifier, new(4, 16, 10)), (manifest.Kind, manifest.Classifier!));
        Assert.Null(manifest.LanguageModel);
        Assert.Equal([0, 1], manifest.MoeLayers.Select(layer => layer.Layer));
        Assert.InRange(manifest.Training!["testAccuracy"]!.GetValue<double>(), 0.5, 1);
        Assert.Contains("Test accuracy", log.ToString());
        var trace = RoutingTrace.Load(Path.Combine(folder, "trace.bin"));
        Assert.Equal(DigitDataset.Images / 6 * 16, trace.Tokens);

        var loaded = TrainedModel.Load(folder);
        var classifier = Assert.IsType<EncoderClassifier>(loaded.Any);
        var accuracy = new ClassifierEvaluator(classifier, 50, null).Run(LabeledDataset.Open(Data()).Test).Accuracy;
        Assert.Equal(manifest.Training["testAccuracy"]!.GetValue<double>(), accuracy, 1e-9);
        Assert.Contains("is a classifier, not a language model", Assert.Throws<UserError>(() => loaded.Model).Message);
    }

    [Fact]
    public void ARunThatWasStoppedEndsWithTheWeightsOfAnUndisturbedOne()
    {
        Train("whole", steps: 9);
        using (var stop = new CancellationTokenSource())
            Train("stopped", new StoppingWriter(stop), 9, stop.Token);
        Assert.False(File.Exists(Path.Combine(_folder, "stopped", "manifest.json")));
        Train("stopped", steps: 9);
        Assert.Equal(File.ReadAllBytes(Path.Combine(_folder, "whole", "weights.safetensors")), File.ReadAllBytes(Path.Combine(_folder, "stopped", "weights.safetensors")));
    }

    [Theory]
    [InlineData("sotu", 2, 16, "Data:Source is 'sotu', but the model (Model:Backbone) classifies: set Data:Source to digits or fashion.")]
    [InlineData("digits", 3, 16, "Data:PatchSide is 3, which does not divide the 8 pixels of a side.")]
    [InlineData("digits", 4, 16, "Model:ContextLength is 16, but the sequences of Data:Source digits have 4 positions.")]
    public void SettingsThatDoNotFitTheDataAreNamed(string source, int side, int length, string message)
    {
        var settings = Settings(2);
        (settings.Data.Source, settings.Data.PatchSide, settings.Model.ContextLength) = (source, side, length);
        Assert.Equal(message, Assert.Throws<UserError>(() => Execute("model", settings)).Message);
    }

    [Fact]
    public void AStartIsRefused()
    {
        var settings = Settings(2);
        settings.Start.From = "other";
        Assert.Contains("Start:From starts language models", Assert.Throws<UserError>(() => Execute("model", settings)).Message);
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private DataOptions Data() => new() { Source = "digits", Folder = Path.Combine(_folder, "data") };

    private TrainSettings Settings(int steps) => new("", 3, Data(),
        new ModelOptions
        {
            Backbone = "encoder",
            Layers = 2,
            HiddenSize = 16,
            Heads = 2,
            ContextLength = 16,
            Experts = 4,
            ExpertsPerToken = 2,
            ExpertHidden = 8,
            SharedExperts = 0,
            InitialDeviation = 0.25,
            HeadRouting = new() { HeadsPerToken = 1 },
            Router = new() { Selection = "patches", WeightRule = "sum", BalanceLoss = 0.01 },
        },
        new TrainerOptions { Steps = steps, BatchSize = 20, WarmupSteps = 2, EvaluateEvery = 4, CheckpointEvery = 3, Threads = 1, LearningRate = 0.01 });

    private void Train(string name, TextWriter? log = null, int steps = 60, CancellationToken stop = default) => Execute(name, Settings(steps), log, stop);

    private void Execute(string name, TrainSettings settings, TextWriter? log = null, CancellationToken stop = default) =>
        TrainRun.Execute(Path.Combine(_folder, name), settings with { Name = name }, log ?? TextWriter.Null, terminal: false, stop);

    private sealed class StoppingWriter(CancellationTokenSource stop) : StringWriter
    {
        public override void WriteLine(string? value)
        {
            if (value!.StartsWith("step 4", StringComparison.Ordinal))
                stop.Cancel();
        }
    }
}
