using OnnxMoe.Experiments.Searches;
using OnnxMoe.Search.Fronts;
using OnnxMoe.Search.Spaces;
using OnnxMoe.Trainer.Data;
using OnnxMoe.Trainer.Training;

namespace OnnxMoe.Experiments.Tests.Searches;

public class EnumeratedSupernetTests
{
    private static readonly SearchSpace Space = new("toy", [new("width", 1, ["4", "8"]), new("depth", 1, ["1", "2"]), new("hidden", 2, ["4", "8", "16"], "depth")]);

    private static EnumeratedSupernet Build()
    {
        var random = new Random(1);
        LabeledSequences Part(int count) => new([.. Enumerable.Range(0, count * 6).Select(i => random.NextSingle() + (i / 6 % 3 == i % 3 ? 1 : 0))], [.. Enumerable.Range(0, count).Select(i => (long)(i % 3))], 2, 3, 3);
        var training = new TrainerOptions { Steps = 30, BatchSize = 12, WarmupSteps = 2, LearningRate = 0.01, Threads = 1 };
        return EnumeratedSupernet.Build(new(Part(60), Part(30), Part(30)), training, Space, TextWriter.Null, default);
    }

    [Fact]
    public void AllArchitecturesTogetherReachTheTrueFrontAndFewerReachLess()
    {
        var supernet = Build();
        Measured[] all = [.. Space.All().Select(architecture => new Measured(architecture, supernet.Measure(architecture)))];
        var shares = supernet.Shares(all);
        Assert.Equal(1, shares[^1], 1e-12);
        Assert.All(shares.Zip(shares.Skip(1)), pair => Assert.True(pair.Second >= pair.First));
        Assert.InRange(shares[0], 0, 0.999);
        Assert.Equal(all.Length, all.Select(measured => measured.Objectives[0]).Distinct().Count());
        Assert.Equal(supernet.FrontSize, all.Count(one => !all.Any(other => Domination.Dominates(other.Objectives, one.Objectives))));
        // FLOPs by hand: 6 features, width 8, blocks of 4 and 16, 3 classes.
        Assert.Equal((2 * 6 * 8) + (4 * 8 * 4) + (4 * 8 * 16) + (2 * 8 * 3), supernet.Measure(Space.Of(1, 1, 0, 2))[1]);
    }

    [Fact]
    public void TheSameSeedBuildsTheSameTable() => Assert.Equal(Build().Measure(Space.Largest), Build().Measure(Space.Largest));
}
