using OnnxMoe.Artifacts;
using OnnxMoe.Experiments.Comparisons;
using OnnxMoe.Experiments.Tests.Support;
using OnnxMoe.Trainer.Backbones;
using OnnxMoe.Trainer.Data;
using OnnxMoe.Trainer.Training;

namespace OnnxMoe.Experiments.Tests;

public sealed class CompareRunTests : IDisposable
{
    private readonly Scratch _scratch = new();
    private readonly StringWriter _log = new();

    public CompareRunTests()
    {
        Directory.CreateDirectory(_scratch["text"]);
        for (var i = 0; i < 6; i++)
            File.WriteAllText(_scratch[$"text/{i}.txt"], Some.Text(i, 100));
    }

    [Fact]
    public void ThePageComparesRoutedAndDenseModels()
    {
        Compare();
        var page = File.ReadAllText(_scratch["out/compare.html"]);
        Assert.Contains("Comparison of fine, dense", page);
        foreach (var title in new[] { "Validation loss by training FLOPs", "Training loss by step", "Load in fine", "Active experts a token", "FLOPs a token", "Parameters", "Exported file", "Prefill of 15 tokens", "Decode of one token", "explained by FLOPs" })
            Assert.Contains(title, page);
        Assert.DoesNotContain("Load in dense", page);
        Assert.DoesNotContain("NaN", page[..page.IndexOf("<script>", StringComparison.Ordinal)]);

        // A second time nothing is trained, and what was there is shown again.
        _log.GetStringBuilder().Clear();
        Compare();
        Assert.Contains("fine: trained and exported before", _log.ToString());
        Assert.Contains("dense: trained and exported before", _log.ToString());
        Assert.DoesNotContain("step 1:", _log.ToString());
    }

    [Fact]
    public void AStoppedComparisonGoesOn()
    {
        using var stop = new CancellationTokenSource();
        stop.Cancel();
        Assert.Throws<OperationCanceledException>(() => Compare(stop.Token));
        Assert.False(File.Exists(_scratch["out/compare.html"]));
        Compare();
        Assert.Contains("Going on from the checkpoint at step 1.", _log.ToString());
        Assert.True(File.Exists(_scratch["out/compare.html"]));
    }

    [Fact]
    public void BudgetsAreEqual()
    {
        var (small, large) = (Recipe("small", batch: 2), Recipe("large", batch: 6, model => model.ExpertHidden = 64));
        (int Small, int Large) Steps(CompareOptions options)
        {
            var budget = new Budget(options, [small, large]);
            return (budget.StepsOf(small, new DecoderLm(small.Model, 257, 0)), budget.StepsOf(large, new DecoderLm(large.Model, 257, 0)));
        }

        large.Trainer.Steps = 12;
        Assert.Equal((4, 4), Steps(new CompareOptions()));
        Assert.Equal((7, 7), Steps(new CompareOptions { Steps = 7 }));
        Assert.Equal((30, 10), Steps(new CompareOptions { Tokens = 30 * 2 * 16 }));
        var (a, b) = Steps(new CompareOptions { Flops = 1e9 });
        Assert.InRange(a * 2 * 16 * Budget.TrainingFlopsPerToken(small, new DecoderLm(small.Model, 257, 0)), 0.98e9, 1.02e9);
        Assert.InRange(b * 6 * 16 * Budget.TrainingFlopsPerToken(large, new DecoderLm(large.Model, 257, 0)), 0.98e9, 1.02e9);
        Assert.Contains("give one of them", Assert.Throws<UserError>(() => new Budget(new CompareOptions { Steps = 1, Tokens = 1 }, [small])).Message);
    }

    [Fact]
    public void MistakesAreNamed()
    {
        Assert.Contains("needs recipes", Assert.Throws<UserError>(() => CompareRun.Execute([], new CompareOptions(), _log, false, default)).Message);
        Assert.Contains("a is named twice", Assert.Throws<UserError>(() => CompareRun.Execute([("a", Recipe("a")), ("a", Recipe("a"))], new CompareOptions(), _log, false, default)).Message);
    }

    [Fact]
    public void QuantilesLieBetweenTheTimes()
    {
        Assert.Equal(2, Latency.Median([3, 1, 2]));
        Assert.Equal(2.5, Latency.Median([4, 1, 2, 3]));
        Assert.Equal(1.75, Latency.Quantile([4, 1, 2, 3], 0.25));
        Assert.Equal(5, Latency.Median([5]));
    }

    public void Dispose() => _scratch.Dispose();

    private void Compare(CancellationToken cancel = default) => CompareRun.Execute(
        [("fine", Recipe("fine")), ("dense", Recipe("dense", change: model => model.FirstDenseLayers = model.Layers))],
        new CompareOptions { Output = _scratch["out"], Repetitions = 3, WarmUp = 1 }, _log, terminal: false, cancel);

    private TrainSettings Recipe(string name, int batch = 4, Action<ModelOptions>? change = null)
    {
        var setup = Some.Setup(change, trainer => (trainer.Steps, trainer.BatchSize) = (4, batch));
        return new TrainSettings(name, 1, new DataOptions { Source = _scratch["text"], Folder = _scratch["data"], Tokenizer = "bytes", ValidationFraction = 0.2, TestFraction = 0.2 }, setup.Model, setup.Trainer);
    }
}
