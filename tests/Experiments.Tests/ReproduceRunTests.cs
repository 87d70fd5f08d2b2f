using OnnxMoe.Artifacts;
using OnnxMoe.Experiments.Tests.Support;
using OnnxMoe.Trainer.Data;

namespace OnnxMoe.Experiments.Tests;

public sealed class ReproduceRunTests : IDisposable
{
    private readonly Scratch _scratch = new();
    private readonly StringWriter _log = new();

    public ReproduceRunTests()
    {
        Directory.CreateDirectory(_scratch["text"]);
        for (var i = 0; i < 6; i++)
            File.WriteAllText(_scratch[$"text/{i}.txt"], Some.Text(i, 100));
    }

    [Fact]
    public void AFinishedRunIsNotRunAgain()
    {
        CountedArm[] arms = [new("a", seed => seed + 1), new("b", seed => seed)];
        Reproduce(arms);
        Assert.All(arms, arm => Assert.Equal([1L, 2, 3], arm.Ran));
        var page = File.ReadAllText(_scratch["docs/results/20-sample.md"]);

        CountedArm[] again = [new("a", _ => throw new InvalidOperationException()), new("b", _ => throw new InvalidOperationException())];
        Reproduce(again);
        Assert.All(again, arm => Assert.Empty(arm.Ran));
        Assert.Contains("6 of 6 runs are stored", _log.ToString());
        Assert.Equal(page, File.ReadAllText(_scratch["docs/results/20-sample.md"]));
    }

    [Fact]
    public void AKilledExperimentGoesOnBehindTheLastFinishedRun()
    {
        using var stop = new CancellationTokenSource();
        CountedArm[] arms = [new("a", seed => seed + 1), new("b", seed => { if (seed == 2) stop.Cancel(); return seed; })];
        Assert.Throws<OperationCanceledException>(() => Reproduce(arms, cancel: stop.Token));
        Assert.False(File.Exists(_scratch["docs/results/20-sample.md"]));

        CountedArm[] again = [new("a", seed => seed + 1), new("b", seed => seed)];
        Reproduce(again);
        Assert.Equal([3L], again[0].Ran);
        Assert.Equal([3L], again[1].Ran);
    }

    [Fact]
    public void AnArmWithOtherSettingsRunsAgainAndTheOthersDoNot()
    {
        Reproduce([new("a", seed => seed + 1), new("b", seed => seed)]);
        CountedArm[] changed = [new("a", seed => seed + 2, "other"), new("b", seed => seed)];
        Reproduce(changed);
        Assert.Equal([1L, 2, 3], changed[0].Ran);
        Assert.Empty(changed[1].Ran);
    }

    [Fact]
    public void FreshRunsEverythingAgain()
    {
        Reproduce([new("a", seed => seed + 1), new("b", seed => seed)]);
        CountedArm[] again = [new("a", seed => seed + 1), new("b", seed => seed)];
        Reproduce(again, options => options.Fresh = true);
        Assert.All(again, arm => Assert.Equal([1L, 2, 3], arm.Ran));
    }

    [Fact]
    public void ADamagedStoreIsRunAgain()
    {
        Reproduce([new("a", seed => seed + 1), new("b", seed => seed)]);
        var file = Directory.GetFiles(_scratch["models/reproduce/20-sample"], "a-seed2-*.json").Single();
        File.WriteAllText(file, File.ReadAllText(file)[..20]);
        CountedArm[] again = [new("a", seed => seed + 1), new("b", seed => seed)];
        Reproduce(again);
        Assert.Equal([2L], again[0].Ran);
    }

    [Fact]
    public void ARunThatDivergedIsStoredAndShown()
    {
        CountedArm[] arms = [new("a", seed => seed == 2 ? double.NaN : seed + 1), new("b", seed => seed)];
        Reproduce(arms);
        Reproduce(arms);
        Assert.Equal([1L, 2, 3], arms[0].Ran);
        var page = File.ReadAllText(_scratch["docs/results/20-sample.md"]);
        Assert.StartsWith("# Sample: inconclusive\n", page, StringComparison.Ordinal);
        Assert.Contains("no number at seed 2", page);
        Assert.Contains("| a | 2 | - |\n", page);
    }

    [Fact]
    public void ThePageShowsEveryNumber()
    {
        Reproduce([new("a", seed => 2 * seed), new("b", seed => seed)], options => options.Seeds = 2);
        var page = File.ReadAllText(_scratch["docs/results/20-sample.md"]);
        Assert.StartsWith("# Sample: reproduced\n", page, StringComparison.Ordinal);
        Assert.Contains("    onnxmoe reproduce 20-sample --seeds 2\n", page);
        Assert.Contains("| Worse | primary | first minus second | +1.5000 ± 0.5000 | +1.0000 | +2.0000 | reproduced |\n", page);
        Assert.Contains("| a | 3.00 ± 1.00 |\n| b | 1.50 ± 0.50 |\n", page);
        Assert.Contains("| a | 1 | 2.00 |\n| a | 2 | 4.00 |\n| b | 1 | 1.00 |\n| b | 2 | 2.00 |\n", page);
        Assert.DoesNotContain(Environment.MachineName, page);
        Assert.Contains("reproduced: Worse (+1.5000 ± 0.5000)", _log.ToString());
    }

    [Fact]
    public void TheRowReplacesItselfAndSparesTheOthers()
    {
        Reproduce([new("a", seed => 2 * seed), new("b", seed => seed)]);
        var table = _scratch["docs/systems.md"];
        var lines = File.ReadAllLines(table).ToList();
        var row = Assert.Single(lines, line => line.StartsWith("| 20 ", StringComparison.Ordinal));
        Assert.Equal("| 20 Sample ([arXiv 2401.00000](https://arxiv.org/abs/2401.00000)) | a sample \\| with a bar | - | [1 \\| 2](results/20-sample.md) | reproduced |", row);

        lines.Insert(lines.IndexOf(row), "| 05 RMoE |  odd   spacing | x | y | z |");
        lines.AddRange(["| 37 AdaMoE | a | b | c | d |", "", "Text behind the table."]);
        File.WriteAllLines(table, lines);
        Reproduce([new("a", seed => -seed, "other"), new("b", seed => seed)]);
        Assert.Equal(lines.Select(line => line == row ? row.Replace("reproduced |", "contradicted |", StringComparison.Ordinal) : line), File.ReadAllLines(table));

        File.WriteAllLines(table, lines.Where(line => !line.StartsWith("| 20 ", StringComparison.Ordinal)));
        Reproduce([new("a", seed => 2 * seed), new("b", seed => seed)]);
        Assert.Equal(lines, File.ReadAllLines(table));
    }

    [Fact]
    public void ASystemsPageWithoutItsTableIsAClearError()
    {
        Directory.CreateDirectory(_scratch["docs"]);
        File.WriteAllText(_scratch["docs/systems.md"], "mine\n");
        Assert.Contains("has no table of systems", Assert.Throws<UserError>(() => Reproduce([new("a", seed => 1), new("b", seed => 2)])).Message);
        Assert.Equal("mine\n", File.ReadAllText(_scratch["docs/systems.md"]));
    }

    [Theory]
    [InlineData("20-deepseekmoe")]
    [InlineData("deepseekmoe")]
    public void ExperimentsAreFoundWithAndWithoutTheirNumber(string name) => Assert.Equal("20-deepseekmoe", ExperimentList.Find(name).Name);

    [Fact]
    public void AnUnknownSystemIsToldWhichThereAre() =>
        Assert.Equal("There is no experiment 'foo'; there are: " + string.Join(", ", ExperimentList.All.Select(e => e.Name)) + ".", Assert.Throws<UserError>(() => ExperimentList.Find("foo")).Message);

    [Fact]
    public void EveryExperimentHasANumberAPaperAndAPlaceInTheOrder()
    {
        var names = ExperimentList.All.Select(experiment => experiment.Name).ToArray();
        Assert.Equal(names.Order(StringComparer.Ordinal), names);
        Assert.All(ExperimentList.All, experiment =>
        {
            Assert.Matches("^[0-9]{2}-[a-z0-9-]+$", experiment.Name);
            Assert.Matches(@"^\d{4}\.\d{4,5}$", experiment.Paper);
        });
    }

    public void Dispose() => _scratch.Dispose();

    private void Reproduce(CountedArm[] arms, Action<ReproduceOptions>? change = null, CancellationToken cancel = default)
    {
        var options = new ReproduceOptions { Docs = _scratch["docs"] };
        change?.Invoke(options);
        ReproduceRun.Execute(new SampleExperiment(arms), _scratch["models"], options, 1,
            new DataOptions { Source = _scratch["text"], Folder = _scratch["data"], ValidationFraction = 0.2, TestFraction = 0.2 }, _log, terminal: false, cancel);
    }
}
