using OnnxMoe.Trainer.Experts;
using OnnxMoe.Trainer.Layers;
using OnnxMoe.Trainer.Objectives;
using OnnxMoe.Trainer.Ops;
using OnnxMoe.Trainer.Routers;
using OnnxMoe.Trainer.Tests.Routers;
using static TorchSharp.torch;

namespace OnnxMoe.Trainer.Tests.Experts;

/// <summary>Invariants of AdaMoE (arXiv 2406.13233).</summary>
public class NullExpertTests
{
    private const int True = 4;
    private const int Nulls = 4;
    private const int Tokens = 40;
    private static readonly TorchOps Ops = new(training: true);
    private static readonly ExpertKinds Kinds = new([.. Enumerable.Repeat(ExpertKind.Ffn, True), .. Enumerable.Repeat(ExpertKind.Zero, Nulls)]);

    [Fact]
    public void WithoutNullsItIsTopKWithWeightsThatSumToOne()
    {
        var logits = Some.Normal(Ops, 1, Tokens, True);
        var routing = Layer(logits, 2, ExpertKinds.Ffn(True)).Router.Route(X(), new ForwardContext(Ops));
        foreach (var (row, t) in Rows(logits).Select((row, t) => (row, t)))
        {
            var best = Enumerable.Range(0, True).OrderByDescending(e => row[e]).ThenBy(e => e).Take(2).ToArray();
            var sum = best.Sum(e => Math.Exp(row[e]));
            Assert.Equal(best.Select(e => (long)e), Row(routing.Indices, t));
            Assert.All(best.Zip(FloatRow(routing.Weights, t)), pair => Assert.Equal(Math.Exp(row[pair.First]) / sum, pair.Second, 1e-6));
        }
        Assert.Null(routing.Picks);
    }

    [Fact]
    public void WeightsSumToOneUnlessOnlyNullsAreChosenAndThenTheOutputIsZero()
    {
        var rows = Rows(Some.Normal(Ops, 2, Tokens, True + Nulls));
        foreach (var row in rows.Take(5))
            for (var i = True; i < True + Nulls; i++)
                row[i] += 20;
        var layer = new MixedLayer(Ops, Kinds, 3, WeightRule.Renormalized, FixedScores.Of(Ops, rows));
        var (y, routing) = layer.Run(X());
        for (var t = 0; t < Tokens; t++)
        {
            var (indices, weights) = (Row(routing.Indices, t), FloatRow(routing.Weights, t));
            Assert.All(indices.Zip(weights), pair => Assert.Equal(pair.First < 0, pair.Second == 0));
            Assert.Equal(indices.Any(i => i >= 0) ? 1 : 0, weights.Sum(), 1e-6);
        }
        for (var t = 0; t < 5; t++)
        {
            Assert.Equal([-1L, -1, -1], Row(routing.Indices, t));
            Assert.All(Some.Floats(y)[(t * MixedLayer.Size)..((t + 1) * MixedLayer.Size)], v => Assert.Equal(0, v));
        }
    }

    [Fact]
    public void DividingByAllChosenLeavesTheNullsTheirPart()
    {
        var logits = Some.Normal(Ops, 3, Tokens, True + Nulls);
        var routing = Layer(logits, 3, Kinds, WeightRule.RenormalizedAll).Router.Route(X(), new ForwardContext(Ops));
        for (var t = 0; t < Tokens; t++)
        {
            Assert.Equal(1, FloatRow(routing.Picks!.Weights, t).Sum(), 1e-6);
            Assert.Equal(Row(routing.Indices, t).All(i => i >= 0), FloatRow(routing.Weights, t).Sum() > 1 - 1e-6);
        }
    }

    [Theory]
    [InlineData(WeightRule.Renormalized)]
    [InlineData(WeightRule.RenormalizedAll)]
    [InlineData(WeightRule.Softmax)]
    public void TheOutputIsALoopOverTheTrueExperts(WeightRule rule)
    {
        var (x, layer) = (X(), Layer(Some.Normal(Ops, 4, Tokens, True + Nulls), 3, Kinds, rule));
        var (y, routing) = layer.Run(x);
        var experts = Enumerable.Range(0, True).Select(e => layer.Expert(e, x)).ToArray();
        for (var t = 0; t < Tokens; t++)
        {
            var picks = Row(routing.Indices, t).Zip(FloatRow(routing.Weights, t)).Where(pick => pick.First >= 0).ToArray();
            Assert.Equal(Row(routing.Picks!.Experts, t).Count(e => e < True), picks.Length);
            for (var d = 0; d < MixedLayer.Size; d++)
                Assert.Equal(picks.Sum(pick => (double)pick.Second * experts[pick.First][t][d]), Some.Floats(y)[t * MixedLayer.Size + d], 1e-5);
        }
    }

    [Fact]
    public void PermutingTheNullsChangesNothing()
    {
        var logits = Some.Normal(Ops, 5, Tokens, True + Nulls);
        var permuted = logits.Gather(Ops.Ints(0, 1, 2, 3, 6, 4, 7, 5), 1);
        Value[] Results(Value scores)
        {
            var context = new ForwardContext(Ops);
            var layer = Layer(scores, 3);
            var routing = layer.Router.Route(X(), context);
            return [layer.Bank.Apply(X(), routing), Balance(true).Expert(context, scores.Softmax(), routing.Picks!.Experts)];
        }
        foreach (var (one, other) in Results(logits).Zip(Results(permuted)))
            Assert.Equal(Some.Floats(one), Some.Floats(other), (a, b) => Math.Abs(a - b) < 1e-5);
    }

    [Fact]
    public void TheKindsAreATableWhereverTheNullsStand()
    {
        var logits = Some.Normal(Ops, 6, Tokens, True + Nulls);
        var order = new long[] { 4, 0, 5, 1, 6, 2, 7, 3 }; // nulls and true experts in turn
        var mixed = Layer(logits.Gather(Ops.Ints(order), 1), 3, new ExpertKinds([.. order.Select(e => Kinds[(int)e])]));
        var (expected, actual) = (Layer(logits, 3).Run(X()), mixed.Run(X()));
        Assert.Equal(Some.Longs(expected.Routing.Indices), Some.Longs(actual.Routing.Indices));
        Assert.Equal(Some.Floats(expected.Y), Some.Floats(actual.Y), (a, b) => Math.Abs(a - b) < 1e-5);
    }

    [Fact]
    public void TheLossOfEqualScoresIsKOrOne()
    {
        var probabilities = Some.Normal(Ops, 1, Tokens, True + Nulls) * 0;
        var picks = Some.Normal(Ops, 7, Tokens, True + Nulls).TopK(3).Indices; // whatever the tie rule were
        double Loss(BalanceNorm norm, bool bucket) => Some.Floats(Balance(bucket, norm).Expert(new ForwardContext(Ops), probabilities.Softmax(), picks)).Single();
        foreach (var bucket in new[] { true, false })
        {
            Assert.Equal(3, Loss(BalanceNorm.Tokens, bucket), 1e-5);
            Assert.Equal(1, Loss(BalanceNorm.Assignments, bucket), 1e-5);
            Assert.Equal(3.0 / (True + Nulls), Loss(BalanceNorm.TokenShare, bucket), 1e-5);
        }
    }

    [Fact]
    public void InTheBucketAllNullsHaveTheirMeanLoad()
    {
        var loads = Some.Normal(Ops, 8, 1, True + Nulls);
        var mixed = Some.Floats(loads.MatMul(Ops.Constant(LoadMixing.Of(Kinds, 1, nullBucket: true))));
        var plain = Some.Floats(loads);
        Assert.Equal(plain[..True], mixed[..True]);
        Assert.All(mixed[True..], load => Assert.Equal(plain[True..].Average(), load, 1e-6));
    }

    [Fact]
    public void OnlyTheBalanceLossTeachesTheNulls()
    {
        float[] NullGradients(Func<Value, Value> objective)
        {
            var logits = TorchOps.TensorOf(Some.Normal(Ops, 9, Tokens, True + Nulls)).clone().requires_grad_();
            TorchOps.TensorOf(objective(Ops.Value(logits))).backward();
            return Some.Floats(Ops.Value(logits.grad!)).Chunk(True + Nulls).SelectMany(row => row[True..]).ToArray();
        }
        var language = NullGradients(logits => (Layer(logits, 3).Run(X()).Y * Some.Normal(Ops, 10, Tokens, MixedLayer.Size)).ReduceMean([0, 1], keepDims: false));
        var balance = NullGradients(logits => Balance(true).Expert(new ForwardContext(Ops), logits.Softmax(), logits.TopK(3).Indices));
        Assert.All(language, g => Assert.InRange(Math.Abs(g), 0, 1e-7));
        Assert.True(balance.Max(Math.Abs) > 1e-4);
    }

    [Fact]
    public void ATokenWithOneTrueExpertGivesItWeightOneAndTheRouterNoGradient()
    {
        var rows = Rows(Some.Normal(Ops, 11, Tokens, True + Nulls) * 0.1);
        foreach (var row in rows)
            (row[1], row[4], row[6]) = (2, 3, 4);
        var logits = TorchOps.TensorOf(((TorchValue)FixedScores.Of(Ops, rows).Score(X(), new ForwardContext(Ops)))).clone().requires_grad_();
        var (y, routing) = Layer(Ops.Value(logits), 3).Run(X());
        for (var t = 0; t < Tokens; t++)
        {
            Assert.Equal([-1L, -1, 1], Row(routing.Indices, t));
            Assert.Equal([0f, 0, 1], FloatRow(routing.Weights, t), (a, b) => Math.Abs(a - b) < 1e-6);
        }
        TorchOps.TensorOf((y * y).ReduceMean([0, 1], keepDims: false)).backward();
        Assert.All(Some.Floats(Ops.Value(logits.grad!)), g => Assert.InRange(Math.Abs(g), 0, 1e-7));
    }

    private static BalanceLoss Balance(bool bucket, BalanceNorm norm = BalanceNorm.Tokens) => new(Kinds.Count, 1) { Norm = norm, Mixing = LoadMixing.Of(Kinds, 1, bucket) };

    private static MixedLayer Layer(Value logits, int k, ExpertKinds? kinds = null, WeightRule rule = WeightRule.Renormalized) => new(Ops, kinds ?? Kinds, k, rule, new FixedScores(logits));

    private static Value X() => Some.Normal(Ops, 20, Tokens, MixedLayer.Size);

    private static float[][] Rows(Value value) => [.. Some.Floats(value).Chunk((int)((TorchValue)value).Shape[^1])];

    private static long[] Row(Value value, int t) => Some.Longs(value).Chunk((int)((TorchValue)value).Shape[^1]).ElementAt(t);

    private static float[] FloatRow(Value value, int t) => Rows(value)[t];
}
