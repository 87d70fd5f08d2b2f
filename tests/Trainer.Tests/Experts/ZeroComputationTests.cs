using OnnxMoe.Trainer.Experts;
using OnnxMoe.Trainer.Layers;
using OnnxMoe.Trainer.Objectives;
using OnnxMoe.Trainer.Ops;
using OnnxMoe.Trainer.Routers;
using OnnxMoe.Trainer.Tests.Routers;
using TorchSharp;
using static TorchSharp.torch;

namespace OnnxMoe.Trainer.Tests.Experts;

/// <summary>Invariants of the experts of MoE++ (arXiv 2410.07348).</summary>
public class ZeroComputationTests
{
    private const int Tokens = 30;
    private const int Copy = 5, Zero = 6, Constant = 4;
    private static readonly TorchOps Ops = new(training: true);
    private static readonly ExpertKinds Kinds =
        new(ExpertKind.Ffn, ExpertKind.Ffn, ExpertKind.Ffn, ExpertKind.Constant, ExpertKind.Constant, ExpertKind.Copy, ExpertKind.Zero);

    [Theory]
    [InlineData(WeightRule.Softmax)]
    [InlineData(WeightRule.Renormalized)]
    [InlineData(WeightRule.RenormalizedAll)]
    public void TheOutputIsALoopOverTheExpertsOfAllKinds(WeightRule rule)
    {
        var x = Some.Normal(Ops, 1, Tokens, MixedLayer.Size);
        var logits = Some.Normal(Ops, 2, Tokens, Kinds.Count);
        var layer = new MixedLayer(Ops, Kinds, 3, rule, new FixedScores(logits));
        var (y, routing) = layer.Run(x);
        var experts = Enumerable.Range(0, Kinds.Count).Select(e => layer.Expert(e, x)).ToArray();
        var scores = Some.Floats(logits).Chunk(Kinds.Count).ToArray();
        var evaluations = 0;
        for (var t = 0; t < Tokens; t++)
        {
            var best = Enumerable.Range(0, Kinds.Count).OrderByDescending(e => scores[t][e]).ThenBy(e => e).Take(3).ToArray();
            var counted = rule switch { WeightRule.Softmax => Enumerable.Range(0, Kinds.Count), WeightRule.Renormalized => best.Where(e => e != Zero), _ => best };
            var sum = counted.Sum(e => Math.Exp(scores[t][e]));
            evaluations += best.Count(e => Kinds[e] == ExpertKind.Ffn);
            for (var d = 0; d < MixedLayer.Size; d++)
                Assert.Equal(best.Sum(e => Math.Exp(scores[t][e]) / sum * experts[e][t][d]), Some.Floats(y)[t * MixedLayer.Size + d], 1e-4);
        }
        Assert.Equal(evaluations, Some.Longs(routing.Indices).Count(i => i >= 0));
    }

    [Fact]
    public void ZeroAndCopyGiveTheTokenTimesItsWeight()
    {
        var x = Some.Normal(Ops, 3, 1, MixedLayer.Size);
        Assert.All(Ratios(Forced(2, WeightRule.Renormalized, Copy, Zero), x), ratio => Assert.Equal(1, ratio, 1e-6));
        Assert.All(Ratios(Forced(2, WeightRule.Softmax, Copy, Zero), x), ratio => Assert.Equal(0.5, ratio, 1e-4)); // both are equally likely
    }

    [Fact]
    public void ZeroAloneGivesZero()
    {
        var x = Some.Normal(Ops, 3, 1, MixedLayer.Size);
        foreach (var rule in Enum.GetValues<WeightRule>())
            Assert.All(Some.Floats(Forced(1, rule, Zero).Run(x).Y), v => Assert.Equal(0, v));
    }

    [Fact]
    public void AConstantExpertThatDoesNotLookGivesHalfTheTokenAndHalfItsVector()
    {
        var x = Some.Normal(Ops, 3, 1, MixedLayer.Size);
        var layer = Forced(1, WeightRule.Renormalized, Constant);
        using (no_grad())
            layer.Constants.Mixing.Parameter.zero_();
        var vector = layer.Constants.Vectors.Parameter.detach().data<float>().ToArray()[MixedLayer.Size..];
        Assert.Equal(Some.Floats(x).Zip(vector, (a, b) => 0.5f * a + 0.5f * b), Some.Floats(layer.Run(x).Y), (a, b) => Math.Abs(a - b) < 1e-6);
    }

    [Fact]
    public void TheZeroExpertsScoreLearnsFromTheOutputOnlyWithRawWeights()
    {
        double Gradient(WeightRule rule)
        {
            var scores = Some.Normal(Ops, 4, Tokens, Kinds.Count) + FixedScores.Of(Ops, [[0, 0, 0, 0, 0, 0, 1]]).Score(Some.Normal(Ops, 1, 1, 1), new ForwardContext(Ops));
            var logits = TorchOps.TensorOf(scores).clone().requires_grad_();
            var (y, _) = new MixedLayer(Ops, Kinds, 2, rule, new FixedScores(Ops.Value(logits))).Run(Some.Normal(Ops, 5, Tokens, MixedLayer.Size));
            TorchOps.TensorOf((y * y).ReduceMean([0, 1], keepDims: false)).backward();
            return Some.Floats(Ops.Value(logits.grad!)).Chunk(Kinds.Count).Max(row => Math.Abs(row[Zero]));
        }
        Assert.InRange(Gradient(WeightRule.Renormalized), 0, 1e-7);
        Assert.True(Gradient(WeightRule.Softmax) > 1e-4);
    }

    [Fact]
    public void EqualScoresGoToTheFirstExpertsAndTheLossIsKOverN()
    {
        var logits = Some.Normal(Ops, 1, Tokens, Kinds.Count) * 0;
        var layer = new MixedLayer(Ops, Kinds, 2, WeightRule.Softmax, new FixedScores(logits));
        var picks = layer.Run(Some.Normal(Ops, 2, Tokens, MixedLayer.Size)).Routing.Picks!.Experts;
        Assert.All(Some.Longs(picks).Chunk(2), row => Assert.Equal([0L, 1], row));
        var loss = new BalanceLoss(Kinds.Count, 1) { Norm = BalanceNorm.TokenShare, Mixing = LoadMixing.Of(Kinds, 0.3, nullBucket: false) };
        Assert.Equal(2.0 / Kinds.Count, Some.Floats(loss.Expert(new ForwardContext(Ops), logits.Softmax(), picks)).Single(), 1e-6);
    }

    [Theory]
    [InlineData(0.1)]
    [InlineData(0.75)]
    [InlineData(1)]
    public void TheLossIsLeastWhereFfnExpertsHaveTheShareThatTauSays(double tau)
    {
        var logits = zeros(1, Kinds.Count).requires_grad_();
        var mixing = Ops.Constant(LoadMixing.Of(Kinds, tau, nullBucket: false));
        for (var step = 0; step < 600; step++)
        {
            using var scope = NewDisposeScope();
            var p = Ops.Value(logits).Softmax();
            TorchOps.TensorOf((p.MatMul(mixing) * p).ReduceSum([0, 1], keepDims: false)).backward(); // loads follow the probabilities
            using var noGrad = no_grad();
            logits.sub_(logits.grad!.mul((Scalar)4.0));
            logits.grad!.zero_();
        }
        var share = Some.Floats(Ops.Value(logits.detach()).Softmax())[..Kinds.Stored].Sum();
        Assert.Equal(tau * Kinds.Stored / (tau * Kinds.Stored + Kinds.Count - Kinds.Stored), share, 1e-3);
    }

    /// <summary>A layer whose only token picks exactly these experts.</summary>
    private static MixedLayer Forced(int k, WeightRule rule, params int[] experts) =>
        new(Ops, Kinds, k, rule, FixedScores.Of(Ops, [.. Enumerable.Repeat(0, 1).Select(_ => Enumerable.Range(0, Kinds.Count).Select(e => experts.Contains(e) ? 20f : 0).ToArray())]));

    private static IEnumerable<double> Ratios(MixedLayer layer, Value x) => Some.Floats(layer.Run(x).Y).Zip(Some.Floats(x), (y, value) => (double)y / value);
}
