using OnnxMoe.Artifacts.Tensors;
using OnnxMoe.Trainer.Layers;
using OnnxMoe.Trainer.Objectives;
using OnnxMoe.Trainer.Ops;
using OnnxMoe.Trainer.Routers;

namespace OnnxMoe.Trainer.Tests.Routers;

public class ScoreRouterTests
{
    private const int Experts = 5;
    private static readonly TorchOps Ops = new(training: true);

    [Fact]
    public void WeightsAreTheSelectedSoftmaxValuesAndSumToLessThanOne()
    {
        var x = Some.Normal(Ops, 1, 7, 4);
        var (router, head) = Router(2, WeightRule.Softmax);
        var routing = router.Route(x, new ForwardContext(Ops));

        var p = Some.Floats(head.Score(x, new ForwardContext(Ops)).Softmax());
        var indices = Some.Longs(routing.Indices);
        var weights = Some.Floats(routing.Weights);
        for (var t = 0; t < 7; t++)
        {
            Assert.True(weights[2 * t] + weights[2 * t + 1] < 1);
            for (var k = 0; k < 2; k++)
                Assert.Equal(p[t * Experts + indices[2 * t + k]], weights[2 * t + k]);
            Assert.Equal(
                Enumerable.Range(0, Experts).OrderByDescending(e => p[t * Experts + e]).ThenBy(e => e).Take(2).Select(e => (long)e),
                indices[(2 * t)..(2 * t + 2)]);
        }
    }

    [Fact]
    public void RenormalizedWeightsSumToOne()
    {
        var (router, _) = Router(3, WeightRule.Renormalized);
        var weights = Some.Floats(router.Route(Some.Normal(Ops, 2, 6, 4), new ForwardContext(Ops)).Weights);

        Assert.All(weights.Chunk(3), row => Assert.Equal(1, row.Sum(), 1e-6));
    }

    [Fact]
    public void TiesGoToTheLowerExpert()
    {
        var (router, _) = Router(2, WeightRule.Softmax);
        var routing = router.Route(Ops.Constant(HostTensor.From(new float[12], 3, 4)), new ForwardContext(Ops));

        Assert.Equal([0, 1, 0, 1, 0, 1], Some.Longs(routing.Indices));
    }

    [Fact]
    public void LossesAreAddedOnlyWhileTraining()
    {
        var (router, _) = Router(2, WeightRule.Softmax);
        var training = new ForwardContext(Ops);
        var serving = new ForwardContext(new TorchOps(training: false));
        router.Route(Some.Normal(training.Ops, 1, 3, 4), training);
        router.Route(Some.Normal(serving.Ops, 1, 3, 4), serving);

        Assert.Equal(["balance", "z"], training.Losses.Select(l => l.Name));
        Assert.Empty(serving.Losses);
    }

    [Fact]
    public void ZLossIsTheMeanSquaredLogSumExp()
    {
        var context = new ForwardContext(Ops);
        var logits = Some.Normal(Ops, 5, 4, Experts);
        new ZLoss(0.5).AddTo(context, new RouterDecision(logits, logits, logits));

        var expected = Some.Floats(logits).Chunk(Experts).Average(row => Math.Pow(Math.Log(row.Sum(v => Math.Exp(v))), 2)) * 0.5;
        Assert.Equal(expected, Some.Floats(context.Losses.Single().Loss).Single(), 1e-5);
    }

    [Fact]
    public void ZLossOfEqualLogitsOfZeroIsTheSquaredLogarithmOfTheirNumber()
    {
        var context = new ForwardContext(Ops);
        var logits = Ops.Constant(HostTensor.From(new float[3 * Experts], 3, Experts));
        new ZLoss(1).AddTo(context, new RouterDecision(logits, logits, logits));

        Assert.Equal(Math.Pow(Math.Log(Experts), 2), Some.Floats(context.Losses.Single().Loss).Single(), 1e-6);
    }

    private static (ScoreRouter Router, ScoreHead Head) Router(int k, WeightRule rule)
    {
        var scope = new LayerScope(3);
        var head = new LinearScoreHead(scope, 4, Experts, 1);
        return (new ScoreRouter(scope, head, new TopKSelector(k), rule, [new BalanceLoss(Experts, 0.01), new ZLoss(0.001)], Experts, k), head);
    }
}
