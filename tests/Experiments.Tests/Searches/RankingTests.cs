using OnnxMoe.Experiments.Searches;
using OnnxMoe.Experiments.Tests.Support;
using OnnxMoe.Trainer.Cells;
using OnnxMoe.Trainer.Data;
using OnnxMoe.Trainer.Supernets;

namespace OnnxMoe.Experiments.Tests.Searches;

public class RankingTests
{
    private static LabeledSequences Images(int count)
    {
        var random = new Random(2);
        return new([.. Enumerable.Range(0, count * 16).Select(_ => random.NextSingle())], [.. Enumerable.Range(0, count).Select(i => (long)(i % 3))], 16, 1, 3);
    }

    private static CellClassifier Supernet() => new(DigitCells.Model(), DigitCells.Space, new(1, 16, 3), seed: 1);

    /// <summary>Of draws that are all the same it is 0; images and architectures that differ make it greater, and weights go in squared.</summary>
    [Fact]
    public void TheVarianceOfAStepIsThatOfItsDraws()
    {
        var supernet = Supernet();
        var variance = new GradientVariance(supernet, Images(30), batch: 6);
        var one = Enumerable.Range(0, 30).Select(i => i == 4 ? 1.0 : 0).ToArray();
        var even = NormProbabilities.Of(new double[30], 0);
        var largest = DigitCells.Space.Largest;
        var images = variance.Trace(_ => (largest, 1), even, reweight: false, seed: 3);
        Assert.InRange(variance.Trace(_ => (largest, 1), one, reweight: false, seed: 3), 0, images * 1e-6);
        Assert.True(images > 0);
        Assert.Equal(4 * images, variance.Trace(_ => (largest, 2), even, reweight: false, seed: 3), images * 1e-3);
        Assert.Equal(images, variance.Trace(_ => (largest, 1), even, reweight: true, seed: 3), images * 1e-5); // weights of even draws are 1
        var paths = new UniformPaths(DigitCells.Space, 1, 5);
        Assert.True(variance.Trace(draw => (paths.Sample(draw)[0], 1), one, reweight: false, seed: 3) > images * 1e-3);
        Assert.All(supernet.Weights, weight => Assert.Null(weight.Parameter.grad));
    }

    [Fact]
    public void ARunIsJudgedByTheTruth()
    {
        double[] truth = [.. Enumerable.Range(0, 64).Select(i => i / 64.0)];
        Measurement Run(Func<int, double> loss)
        {
            var run = new Measurement("arm", 1, "");
            run.Series[RankingArm.Losses] = [.. Enumerable.Range(0, 64).Select(loss)];
            OwnTrainingArm.Judge([new ArmResult(new CountedArm("arm", _ => 0), [run])], truth);
            return run;
        }
        var (right, wrong) = (Run(i => 2 - (i / 100.0)), Run(i => i));
        Assert.Equal((1.0, 63 / 64.0), (right[RankingArm.Kendall], right[RankingArm.Best]));
        Assert.Equal((-1.0, 0), (wrong[RankingArm.Kendall], wrong[RankingArm.Best]));
    }

    [Fact]
    public void RunsOfSharedArmsAreOfAllExperiments()
    {
        using var scratch = new Scratch();
        var one = new MeasurementStore(scratch["one"], new SampleExperiment());
        var run = one.Shared.New("arm", 1, "settings");
        one.Shared.Save(run);
        var other = new MeasurementStore(scratch["other"], new SampleExperiment());
        Assert.Equal(run.Fingerprint, other.Shared.Load("arm", 1, "settings")?.Fingerprint);
        Assert.Null(other.Load("arm", 1, "settings"));
        Assert.Null(other.Shared.Load("arm", 1, "others"));
        other.Clear();
        Assert.NotNull(one.Shared.Load("arm", 1, "settings"));
        Assert.True(new OwnTrainingArm(new(() => throw new InvalidOperationException()), 1).IsShared);
    }
}
