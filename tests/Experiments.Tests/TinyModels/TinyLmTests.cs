using OnnxMoe.Experiments.Interventions;
using OnnxMoe.Experiments.Tests.Support;
using OnnxMoe.Experiments.TinyModels;
using OnnxMoe.Trainer.Training;

namespace OnnxMoe.Experiments.Tests.TinyModels;

public sealed class TinyLmTests
{
    private static readonly TinyLm Lm = new(Some.Data());

    [Fact]
    public void TheSameSeedGivesTheSameRunAndAnotherSeedAnother()
    {
        double[] Losses(long seed) => [.. Lm.Train(Some.Setup(), seed).Steps.Select(step => step.Loss)];
        Assert.Equal(Losses(1), Losses(1));
        Assert.NotEqual(Losses(1), Losses(2));
    }

    [Fact]
    public void ItTrainsAndMeasures()
    {
        var run = Lm.Train(Some.Setup(trainer: options => options.Steps = 40), 1);
        Assert.Equal(40, run.Steps.Count);
        Assert.InRange(run.ValidationLoss, 0, run.Steps[0].Loss - 0.5);
        Assert.Equal(run.ValidationLoss / Math.Log(2), run.BitsPerCharacter, 9); // every token is one byte
        Assert.Equal(2, run.ActiveExperts);
        Assert.Equal(2, run.Validation.ExpertLoad.Length);
        Assert.All(run.Validation.ExpertLoad, load => Assert.Equal(2 * 320, load.Sum()));
        Assert.All(run.Steps, step => Assert.Equal(["balance"], step.Auxiliary.Keys));
        Assert.True(run.Time > TimeSpan.Zero);
    }

    [Fact]
    public void ExpertsOfEachStepAreCountedWhenAskedFor()
    {
        var plain = Lm.Train(Some.Setup(), 1);
        var counted = Lm.Train(Some.Setup(trainer: options => options.ExpertCounts = true), 1);
        Assert.Equal(plain.Steps.Select(step => step.Loss), counted.Steps.Select(step => step.Loss));
        Assert.All(plain.Steps, step => Assert.Null(step.ExpertCounts));
        var tokens = counted.Setup.Trainer.BatchSize * counted.Length;
        Assert.All(counted.Steps, step => Assert.Equal([2 * tokens, 2 * tokens], step.ExpertCounts!.Select(layer => layer.Sum())));
    }

    [Fact]
    public void ChecksComeAtTheirStepsAndChangeNothing()
    {
        List<(int Steps, double At)> seen = [];
        var hooks = new TinyHooks { CheckAt = [0.5, 0.75, 1], Check = (run, at) => { seen.Add((run.Steps.Count, at)); run.Evaluate(); } };
        var watched = Lm.Train(Some.Setup(trainer: options => options.Steps = 8), 1, hooks);
        Assert.Equal([(4, 0.5), (6, 0.75), (8, 1)], seen);
        Assert.Equal(Lm.Train(Some.Setup(trainer: options => options.Steps = 8), 1).ValidationLoss, watched.ValidationLoss);
    }

    [Fact]
    public void ARunThatDivergesEndsAndItsMeasuresAreNoNumbers()
    {
        var run = Lm.Train(Some.Setup(trainer: options => (options.Steps, options.LearningRate, options.ClipNorm) = (30, 1e30, 0)), 1);
        Assert.True(run.Diverged);
        Assert.InRange(run.Steps.Count, 2, 29);
        Assert.True(double.IsNaN(run.ValidationLoss));
        Assert.True(double.IsNaN(run.BitsPerCharacter));
        Assert.True(double.IsNaN(run.ActiveExperts));
    }

    [Fact]
    public void ASnapshotHoldsWhatTheEvaluationCounts()
    {
        var run = Lm.Train(Some.Setup(), 1);
        var snapshot = run.Snapshot(320);
        Assert.Equal(320, snapshot.Tokens);
        Assert.Equal(run.ValidationLoss, snapshot.Losses.Average(), 1e-5);
        foreach (var (layer, load) in snapshot.Layers.Zip(run.Validation.ExpertLoad))
        {
            Assert.Equal(load, Enumerable.Range(0, 6).Select(e => (long)layer.Indices.Sum(row => row.Count(i => i == e))));
            Assert.All(layer.Indices.Zip(layer.Probabilities), pair => Assert.Equal(pair.Second.Max(), pair.Second[pair.First[0]]));
            Assert.All(layer.Weights, row => Assert.Equal(1, row.Sum(), 1e-5));
        }
        Assert.InRange(snapshot.Entropy, 0, Math.Log(6) + 1e-6);
    }

    [Fact]
    public void CorruptionHitsTheSamePositionsEachTimeAndSparesTheTargets()
    {
        var batches = Some.Data().Domains[0].Validation.Windows(4, 16, 20).ToArray();
        var fixedSymbol = new InputCorruption(0.25, 7, ['#']);
        var windows = 0L;
        List<bool> hit = [];
        foreach (var batch in batches)
        {
            var once = fixedSymbol.Apply(batch, windows);
            Assert.Equal(once.Inputs, fixedSymbol.Apply(batch, windows).Inputs);
            Assert.Equal(batch.Targets, once.Targets);
            var random = InputCorruption.RandomCharacters(0.25, 7).Apply(batch, windows);
            for (var i = 0; i < batch.Inputs.Length; i++)
            {
                hit.Add(once.Inputs[i] != batch.Inputs[i]);
                Assert.Equal(hit[^1] ? '#' : batch.Inputs[i], once.Inputs[i]);
                if (!hit[^1])
                    Assert.Equal(batch.Inputs[i], random.Inputs[i]);
            }
            windows += batch.Rows;
        }
        Assert.InRange(hit.Count(h => h) / (double)hit.Count, 0.15, 0.35);
        // Batches of another size meet the same errors.
        Assert.Equal(batches.SelectMany((batch, i) => fixedSymbol.Apply(batch, 4 * i).Inputs),
            Some.Data().Domains[0].Validation.Windows(5, 16, 20).SelectMany((batch, i) => fixedSymbol.Apply(batch, 5 * i).Inputs));
    }

    [Fact]
    public void CorruptedInputsHurtATrainedModel()
    {
        var run = Lm.Train(Some.Setup(trainer: options => options.Steps = 60), 1);
        Assert.Equal(run.ValidationLoss, run.CorruptedLoss(new InputCorruption(0, 1, ['#'])));
        Assert.True(run.CorruptedLoss(new InputCorruption(0.5, 1, ['#'])) > run.ValidationLoss + 0.01);
    }

    [Theory]
    [InlineData("softmax", false)]
    [InlineData("softmax", true)]
    [InlineData("renormalized", true)]
    public void TheModelsOwnRanksChangeNothing(string rule, bool keepSum)
    {
        var run = Lm.Train(Some.Setup(model => (model.SharedExperts, model.Router.WeightRule) = (1, rule)), 1);
        Assert.Equal(run.ValidationLoss, Loss(run, new PickRanks(0, 2, keepSum)), 1e-6);
    }

    [Fact]
    public void TheSumOfTheWeightsIsKeptOrNot()
    {
        var run = Lm.Train(Some.Setup(model => model.Router.WeightRule = "softmax"), 1);
        var own = run.Snapshot(320).Layers[0].Weights.Select(row => row.Sum());
        double[] Sums(bool keepSum)
        {
            var snapshot = new RoutingSnapshot();
            run.Evaluate(new EvaluationHooks { Intervention = new PickRanks(2, 3, keepSum), Observe = snapshot.Add });
            return [.. snapshot.Layers[0].Weights.Select(row => (double)row.Sum())];
        }
        Assert.All(own.Zip(Sums(keepSum: true)), pair => Assert.Equal(pair.First, pair.Second, 1e-6));
        // The other 4 of 6 experts have what is left of the probability, and 3 of them at most that.
        Assert.All(own.Zip(Sums(keepSum: false)), pair => Assert.InRange(pair.Second, 0, 1 - pair.First + 1e-6));
    }

    [Fact]
    public void SkippedRanksAreTheMostProbableExperts()
    {
        var run = Lm.Train(Some.Setup(), 1);
        var whole = run.Snapshot(320);
        var masked = new RoutingSnapshot();
        run.Evaluate(new EvaluationHooks { Intervention = new PickRanks(2, 3, keepSum: false), Observe = masked.Add });
        // The first layer sees the same inputs; later ones already see what the masking did.
        foreach (var (indices, probabilities) in masked.Layers[0].Indices.Zip(whole.Layers[0].Probabilities))
        {
            var ranked = Enumerable.Range(0, 6).OrderByDescending(e => probabilities[e]).ThenBy(e => e).Skip(2).Take(3).Select(e => (long)e);
            Assert.Equal(ranked, indices);
        }
    }

    [Fact]
    public void SwitchingSharedExpertsOffMatters()
    {
        var run = Lm.Train(Some.Setup(model => model.SharedExperts = 1), 1);
        Assert.NotEqual(run.ValidationLoss, Loss(run, new PickRanks(0, 2, keepSum: true, shared: false)), 1e-4);
        var none = Lm.Train(Some.Setup(), 1);
        Assert.Equal(none.ValidationLoss, Loss(none, new PickRanks(0, 2, keepSum: true, shared: false)), 1e-6);
    }

    private static double Loss(TinyRun run, PickRanks intervention) => run.Evaluate(new EvaluationHooks { Intervention = intervention }).Loss;
}
