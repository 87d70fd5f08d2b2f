using OnnxMoe.Artifacts.Tokenizers;
using OnnxMoe.Experiments.Searches;
using OnnxMoe.Experiments.TinyModels;
using OnnxMoe.Trainer.Darts;
using OnnxMoe.Trainer.Data;

namespace OnnxMoe.Experiments.Tests.Searches;

public class CellArmsTests
{
    private static CellSetup Setup()
    {
        var random = new Random(1);
        LabeledSequences Part(int count) => new([.. Enumerable.Range(0, count * 16).Select(i => random.NextSingle() + (i % 16 / 4 == i / 16 % 3 ? 1 : 0))], [.. Enumerable.Range(0, count).Select(i => (long)(i % 3))], 16, 1, 3);
        var data = new LabeledDataset(Part(60), Part(30), Part(30));
        return new(new Lazy<LabeledDataset>(data), threads: 1, steps: 3);
    }

    private static Measurement Run(Arm arm)
    {
        var result = new Measurement(arm.Name, 1, "");
        arm.Run(1, new TokenDataset(new ByteTokenizer(), []), result, _ => { }, default);
        result.Values.Remove(TinyArm.Seconds);
        return result;
    }

    private static CellSelectionArm Arm(CellSetup setup, string method) => new("arm", "", setup, new(), method, new() { TuningEpochs = 0, Criterion = "loss" }, probe: true);

    [Fact]
    public void ArmsOfASeedDecideAboutTheSameSupernetWhateverCameBefore()
    {
        var setup = Setup();
        var (magnitude, deletions, again) = (Run(Arm(setup, "magnitude")), Run(Arm(setup, "perturbation")), Run(Arm(Setup(), "perturbation")));
        foreach (var measure in new[] { CellSelectionArm.Mixture, CellSelectionArm.Ascent, CellSelectionArm.Random, CellSelectionArm.Eigenvalue })
            Assert.Equal(magnitude[measure], deletions[measure]);
        Assert.Equal(again.Values, deletions.Values);
        Assert.All(deletions.Values.Values, value => Assert.True(double.IsFinite(value)));
        Assert.NotEqual(Arm(setup, "magnitude").Fingerprint(1, new()), Arm(setup, "perturbation").Fingerprint(1, new()));
    }

    [Fact]
    public void AGenotypeThatConnectsNothingCountsAsChance()
    {
        var measured = Setup().Train(CellSetup.Space.Smallest, 1, _ => throw new InvalidOperationException("It was trained."), default);
        Assert.Equal(1.0 / 3, measured.Accuracy);
        var random = Run(new RandomGenotypesArm(Setup(), 2));
        Assert.InRange(random[CellSelectionArm.Error], 0, 1);
    }
}
