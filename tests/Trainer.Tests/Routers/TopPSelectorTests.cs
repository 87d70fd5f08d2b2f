using OnnxMoe.Artifacts;
using OnnxMoe.Artifacts.Tensors;
using OnnxMoe.Trainer.Backbones;
using OnnxMoe.Trainer.Experts;
using OnnxMoe.Trainer.Layers;
using OnnxMoe.Trainer.Objectives;
using OnnxMoe.Trainer.Ops;
using OnnxMoe.Trainer.Routers;

namespace OnnxMoe.Trainer.Tests.Routers;

/// <summary>Invariants of top-p routing (arXiv 2403.07652).</summary>
public class TopPSelectorTests
{
    private const int Experts = 8;
    private static readonly TorchOps Ops = new(training: true);

    public static TheoryData<double> Thresholds => [0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95];

    [Theory]
    [MemberData(nameof(Thresholds))]
    public void SelectsWhatALoopOverTheTokensSelects(double p)
    {
        var probabilities = (Some.Normal(Ops, 3, 200, Experts) * 2).Softmax();
        var (picks, weights) = Select(probabilities, p);
        foreach (var (row, t) in Some.Floats(probabilities).Chunk(Experts).Select((row, t) => (row, t)))
        {
            var order = Enumerable.Range(0, Experts).OrderByDescending(e => row[e]).ThenBy(e => e).ToArray();
            var kept = new List<int>();
            var sum = 0f;
            for (var r = 0; r < Experts && sum < (float)p; sum += row[order[r]], r++)
                kept.Add(order[r]);
            Assert.Equal([.. kept.Select(e => (long)e), .. Enumerable.Repeat(-1L, Experts - kept.Count)], picks[t]);
            Assert.Equal([.. kept.Select(e => row[e]), .. new float[Experts - kept.Count]], weights[t]);
            // The kept ones reach p, and without the last they do not.
            Assert.True(weights[t].Sum() >= p - 1e-6);
            Assert.True(weights[t].Sum() - weights[t][kept.Count - 1] < p + 1e-6);
        }
    }

    [Fact]
    public void OneExpertIsKeptForASmallPAndAllForALargeOneAndTheCountNeverFalls()
    {
        var probabilities = Some.Normal(Ops, 4, 100, Experts).Softmax();
        var counts = new[] { 1e-6, 0.1, 0.3, 0.5, 0.8, 0.99, 1.1 }.Select(p => Select(probabilities, p).Picks.Select(row => row.Count(e => e >= 0)).ToArray()).ToArray();

        Assert.All(counts[0], count => Assert.Equal(1, count));
        Assert.All(counts[^1], count => Assert.Equal(Experts, count));
        foreach (var (few, many) in counts.Zip(counts.Skip(1)))
            Assert.All(few.Zip(many), pair => Assert.True(pair.First <= pair.Second));
    }

    [Fact]
    public void ASumThatIsExactlyPIsEnoughUnlessTheCodesRuleIsAskedFor()
    {
        var probabilities = Ops.Constant(HostTensor.From([0.5f, 0.25f, 0.125f, 0.125f], 1, 4));

        Assert.Equal([0, -1, -1, -1], Row(new TopPSelector(0.5, 4, strict: false)));
        Assert.Equal([0, 1, -1, -1], Row(new TopPSelector(0.5, 4, strict: true)));

        long[] Row(TopPSelector selector) => Some.Longs(selector.Select(probabilities, new ForwardContext(Ops)).Picks);
    }

    [Fact]
    public void AUniformRouterSelectsAsManyAsPOfAllExpertsTheLowerOnesFirst()
    {
        var logits = Ops.Constant(HostTensor.From(new float[3 * 16], 3, 16));
        var (picks, _) = new TopPSelector(0.4, 16, strict: false).Select(logits.Softmax(), new ForwardContext(Ops));
        Assert.All(Some.Longs(picks).Chunk(16), row => Assert.Equal([0, 1, 2, 3, 4, 5, 6, .. Enumerable.Repeat(-1L, 9)], row));

        var decision = new RouterDecision(logits, logits.Softmax(), picks);
        Assert.Equal(Math.Log(16), Single(EntropyLoss.Of(logits)), 1e-5);
        Assert.Equal(7, Single(new BalanceLoss(16, 1) { Norm = BalanceNorm.Tokens }.Expert(new ForwardContext(Ops), decision.Probabilities, picks)), 1e-5);
    }

    [Fact]
    public void ARunMaySetTheThreshold()
    {
        var probabilities = Some.Normal(Ops, 5, 50, Experts).Softmax();
        var set = new ForwardContext(Ops) { Threshold = Ops.Constant(HostTensor.Scalar(0.9f)) };
        var (picks, _) = new TopPSelector(0.2, Experts, strict: false).Select(probabilities, set);

        Assert.Equal(Select(probabilities, 0.9).Picks.SelectMany(row => row), Some.Longs(picks));
    }

    [Fact]
    public void TheOutputOfEqualExpertsIsTheKeptProbabilityTimesOne()
    {
        var scope = new LayerScope(6);
        var router = new ScoreRouter(scope, new LinearScoreHead(scope, 6, Experts, 1), new TopPSelector(0.5, Experts, false), WeightRule.Softmax, [], Experts, Experts);
        var bank = new FfnExpertBank(scope.Child("e"), Experts, 6, 5, true, "silu", false, 0.5);
        using (TorchSharp.torch.no_grad())
        {
            foreach (var weight in bank.Weights)
                weight.Parameter.copy_(weight.Parameter[0].unsqueeze(0).expand(weight.Shape));
        }
        var x = Some.Normal(Ops, 7, 20, 6);
        var routing = router.Route(x, new ForwardContext(Ops));
        var one = Some.Floats(bank.Apply(x, new Routing(Ops.Constant(HostTensor.From(new long[20], 20, 1)), Ops.Constant(HostTensor.From(Enumerable.Repeat(1f, 20).ToArray(), 20, 1)))));
        var kept = Some.Floats(routing.Weights).Chunk(Experts).Select(row => row.Sum()).ToArray();

        Assert.All(Some.Floats(bank.Apply(x, routing)).Select((y, i) => (y, i)), pair => Assert.Equal(kept[pair.i / 6] * one[pair.i], pair.y, 1e-4));
        Assert.All(kept, sum => Assert.True(sum < 1));
    }

    [Fact]
    public void TheGradientOfTheEntropyIsTheAnalyticOneAndFiniteForACertainRouter()
    {
        var logits = TorchOps.TensorOf(Some.Normal(Ops, 8, 1, Experts)).clone().requires_grad_();
        TorchOps.TensorOf(EntropyLoss.Of(Ops.Value(logits))).backward();
        var p = Some.Floats(Ops.Value(logits.softmax(-1)));
        var entropy = -p.Sum(v => v * Math.Log(v));
        var gradient = Some.Floats(Ops.Value(logits.grad!));
        for (var e = 0; e < Experts; e++)
            Assert.Equal(-p[e] * (Math.Log(p[e]) + entropy), gradient[e], 1e-5);

        var certain = TorchSharp.torch.zeros(1, Experts);
        certain[0, 3] = 1000f;
        certain.requires_grad_();
        var loss = TorchOps.TensorOf(EntropyLoss.Of(Ops.Value(certain)));
        loss.backward();
        Assert.Equal(0, loss.item<float>(), 1e-6);
        Assert.All(Some.Floats(Ops.Value(certain.grad!)), g => Assert.True(float.IsFinite(g)));
    }

    [Fact]
    public void AThresholdOfZeroIsRefused()
    {
        var options = Some.SmallModel();
        (options.Router.Selection, options.Router.TopP.P) = ("topp", 0);
        Assert.Equal("Model:Router:TopP:P is 0, so no token would get an expert; it must be above 0.", Assert.Throws<UserError>(options.Check).Message);
    }

    private static (long[][] Picks, float[][] Weights) Select(Value probabilities, double p)
    {
        var (picks, weights) = new TopPSelector(p, Experts, strict: false).Select(probabilities, new ForwardContext(Ops));
        return ([.. Some.Longs(picks).Chunk(Experts)], [.. Some.Floats(weights).Chunk(Experts)]);
    }

    private static double Single(Value value) => Some.Floats(value).Single();
}
