using OnnxMoe.Trainer.Experts;
using OnnxMoe.Trainer.Layers;
using OnnxMoe.Trainer.Ops;
using OnnxMoe.Trainer.Routers;
using OnnxMoe.Trainer.Tests.Experts;

namespace OnnxMoe.Trainer.Tests.Routers;

/// <summary>Capacities of MoE++ (arXiv 2410.07348, section 3.3).</summary>
public class CapacityRuleTests
{
    private const int Tokens = 100;
    private const int K = 2;
    private const double Tau = 0.5;
    private static readonly TorchOps Ops = new(training: true);
    private static readonly ExpertKinds Kinds = new(ExpertKind.Ffn, ExpertKind.Ffn, ExpertKind.Ffn, ExpertKind.Constant, ExpertKind.Copy, ExpertKind.Zero);

    [Theory]
    [InlineData(false, 1.1 * K * Tokens)]
    [InlineData(true, 1.1 * Tokens)]
    public void CapacitiesAddUpToTheFactorTimesThePicks(bool perToken, double expected)
    {
        var (picks, probabilities) = Random(1);
        var capacities = Some.Floats(Rule(1.1, perToken).Capacities(picks, probabilities));
        for (var e = 0; e < Kinds.Count; e++)
        {
            var share = Kinds[e] == ExpertKind.Ffn ? Tau : 1;
            Assert.Equal(Math.Ceiling(expected * share / (Tau * 3 + 3) - 1e-3), capacities[e]);
        }
        Assert.InRange(capacities.Sum() - expected, -1e-3, Kinds.Count);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(1.5)]
    public void EachExpertKeepsItsMostProbablePicksAndDropsTheRest(double factor)
    {
        var (picks, probabilities) = Random(2);
        var rule = Rule(factor);
        var capacities = Some.Floats(rule.Capacities(picks, probabilities));
        var (before, after, p) = (Some.Longs(picks), Some.Longs(rule.Keep(picks, probabilities)), Some.Floats(probabilities));
        for (var e = 0; e < Kinds.Count; e++)
        {
            var ranked = Enumerable.Range(0, before.Length).Where(i => before[i] == e).OrderByDescending(i => p[i]).ThenBy(i => i).ToArray();
            Assert.Equal(ranked.Take((int)capacities[e]).Order(), Enumerable.Range(0, after.Length).Where(i => after[i] == e));
        }
        Assert.Contains(-1, after);
    }

    [Fact]
    public void OfEqualPicksThoseOfEarlierTokensStay()
    {
        var picks = Some.Normal(Ops, 1, Tokens, 6) * 0;
        var (p, experts) = picks.Softmax().TopK(1);
        var kept = Some.Longs(Rule(1).Keep(experts, p));
        var capacity = (int)Math.Ceiling(Tokens * Tau / (Tau * 3 + 3) - 1e-3);
        Assert.Equal(Enumerable.Range(0, Tokens).Select(t => t < capacity ? 0L : -1), kept);
    }

    [Fact]
    public void ALargeFactorDropsNothingAndMissingPicksStayMissing()
    {
        var (picks, probabilities) = Random(3);
        picks = probabilities.Less(probabilities.Scalar(0.2)).Where(picks.Scalar(-1), picks);
        Assert.Equal(Some.Longs(picks), Some.Longs(Rule(100).Keep(picks, probabilities)));
        Assert.Contains(-1, Some.Longs(picks));
    }

    [Fact]
    public void AtBalanceFewPicksAreDroppedByPicksAndManyByTokens()
    {
        // Tau 1 asks for an even load, which random scores have but for chance.
        var probabilities = Some.Normal(Ops, 4, 2000, Kinds.Count).Softmax();
        var (p, picks) = probabilities.TopK(K);
        double Dropped(bool perToken) => Some.Longs(new CapacityRule(Kinds, 1.1, 1, perToken).Keep(picks, p)).Count(e => e < 0) / (2000.0 * K);
        Assert.InRange(Dropped(perToken: false), 0, 0.02);
        Assert.InRange(Dropped(perToken: true), 0.4, 0.5);
    }

    [Fact]
    public void NothingIsDroppedOutsideOfTraining()
    {
        var logits = Some.Normal(Ops, 5, Tokens, Kinds.Count);
        int Missing(TorchOps ops) => Some.Longs(new MixedLayer(ops, Kinds, K, WeightRule.Softmax, new FixedScores(ops.Value(TorchOps.TensorOf(logits))), Rule(1))
            .Router.Route(Some.Normal(ops, 6, Tokens, MixedLayer.Size), new ForwardContext(ops)).Picks!.Experts).Count(e => e < 0);
        Assert.Equal(0, Missing(new TorchOps(training: false)));
        Assert.InRange(Missing(Ops), 1, Tokens);
    }

    [Fact]
    public void ADroppedPickAddsNothing()
    {
        var logits = Some.Normal(Ops, 7, Tokens, Kinds.Count);
        var x = Some.Normal(Ops, 8, Tokens, MixedLayer.Size);
        var layer = new MixedLayer(Ops, Kinds, K, WeightRule.Softmax, new FixedScores(logits), Rule(1));
        var (y, routing) = layer.Run(x);
        var experts = Enumerable.Range(0, Kinds.Count).Select(e => layer.Expert(e, x)).ToArray();
        var (picks, weights) = (Some.Longs(routing.Picks!.Experts), Some.Floats(routing.Picks.Weights));
        for (var t = 0; t < Tokens; t++)
            for (var d = 0; d < MixedLayer.Size; d++)
                Assert.Equal(Enumerable.Range(K * t, K).Where(i => picks[i] >= 0).Sum(i => (double)weights[i] * experts[picks[i]][t][d]), Some.Floats(y)[t * MixedLayer.Size + d], 1e-4);
    }

    private static CapacityRule Rule(double factor, bool perToken = false) => new(Kinds, factor, Tau, perToken);

    private static (Value Picks, Value Probabilities) Random(int seed)
    {
        var (values, picks) = Some.Normal(Ops, seed, Tokens, Kinds.Count).Softmax().TopK(K);
        return (picks, values);
    }
}
