using OnnxMoe.Artifacts;
using OnnxMoe.Artifacts.Tensors;
using OnnxMoe.Trainer.Backbones;
using OnnxMoe.Trainer.Experts;
using OnnxMoe.Trainer.Layers;
using OnnxMoe.Trainer.Ops;
using OnnxMoe.Trainer.Routers;
using static TorchSharp.torch;

namespace OnnxMoe.Trainer.Tests.Routers;

/// <summary>Invariants of routing by an average over related tokens (Graph of Tokens, arXiv 2505.00792).</summary>
public class ScoreMixerTests
{
    private const int Batch = 3, Length = 7, Width = 8, Heads = 4;
    private static readonly TorchOps Ops = new(training: false);

    /// <summary>A mixer each, for the given number of experts.</summary>
    private static readonly Dictionary<string, Func<LayerScope, int, ScoreMixer>> Mixers = new()
    {
        ["similarity"] = (scope, experts) => Similarity(scope, experts, random: 2),
        ["mean of heads"] = (scope, experts) => new AttentionMixer(scope, Width, experts, Heads, 1, posterior: false, 1, learned: true),
        ["posterior of heads"] = (scope, experts) => new AttentionMixer(scope, Width, experts, Heads, 1, posterior: true, 0.5, learned: true),
    };

    public static TheoryData<string> Kinds => [.. Mixers.Keys];

    [Theory]
    [MemberData(nameof(Kinds))]
    public void RelationsAreDistributionsOverTheTokensThatMayBeSeen(string kind)
    {
        int[] padding = [0, 2, 3];
        var relations = Relations(kind, padding);
        for (var b = 0; b < Batch; b++)
        {
            for (var i = padding[b]; i < Length; i++)
            {
                var row = relations[b][i];
                Assert.Equal(1, row.Sum(), 1e-6);
                for (var j = 0; j < Length; j++)
                    Assert.True(j < padding[b] || j > i ? row[j] == 0 : row[j] > 0, $"Q[{i},{j}] of sequence {b} is {row[j]}.");
            }
        }
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void TheEntropyOfAnAverageLiesWithinItsBounds(string kind)
    {
        foreach (var sharpness in new[] { 0.3, 1, 4 })
        {
            var (x, context) = Sequences();
            var r = (Some.Normal(Ops, 5, Batch * Length, 6) * sharpness).Softmax();
            var p = Some.Floats(Mixer(kind, 6).Mix(x, r, context)).Chunk(6).ToArray();
            var rows = Some.Floats(r).Chunk(6).Select(Entropy).ToArray();
            var relations = Relations(kind);
            for (var t = 0; t < Batch * Length; t++)
            {
                var q = relations[t / Length][t % Length];
                var least = Enumerable.Range(0, Length).Sum(j => q[j] * rows[t / Length * Length + j]);
                Assert.Equal(1, p[t].Sum(), 1e-6);
                Assert.InRange(Entropy(p[t]), least - 1e-5, least + Entropy(q) + 1e-5);
            }
        }
    }

    [Fact]
    public void WithoutSimilarityAnAverageIsTheRunningMean()
    {
        var (x, context) = Sequences();
        var r = Some.Normal(Ops, 5, Batch * Length, 6).Softmax();
        var p = Some.Floats(Similarity(new LayerScope(1), 6, random: 0).Mix(x, r, context));
        var rows = Some.Floats(r);
        for (var b = 0; b < Batch; b++)
            for (var i = 0; i < Length; i++)
                for (var e = 0; e < 6; e++)
                    Assert.Equal(Enumerable.Range(0, i + 1).Average(j => rows[(b * Length + j) * 6 + e]), p[(b * Length + i) * 6 + e], 1e-6);
    }

    [Fact]
    public void EqualTokensHaveEqualAverages()
    {
        var (_, context) = Sequences();
        var same = Ops.Constant(HostTensor.From(Enumerable.Range(0, Batch * Length * Width).Select(i => 0.1f * (i % Width)).ToArray(), Batch * Length, Width));
        var r = Ops.Constant(HostTensor.From(Enumerable.Range(0, Batch * Length * 4).Select(i => new[] { 0.4f, 0.3f, 0.2f, 0.1f }[i % 4]).ToArray(), Batch * Length, 4));
        foreach (var kind in Mixers.Keys)
            Near(Some.Floats(r), Some.Floats(Mixer(kind, 4).Mix(same, r, context)), 1e-6);
    }

    [Theory]
    [InlineData(1e-4, 1)] // so cold that each normalized token looks at itself alone
    [InlineData(1, 0)] // nothing of the average is taken
    public void AverageOfATokenAloneIsTheRouterWithoutAMixer(double temperature, double share)
    {
        var (x, context) = Sequences();
        var (plain, bank) = Layer(_ => null);
        var (mixed, _) = Layer(scope => new SimilarityMixer(scope, Width, 6, share, temperature, learned: true));
        var (a, b) = (plain.Route(x, context), mixed.Route(x, context));
        Assert.Equal(Some.Longs(a.Indices), Some.Longs(b.Indices));
        Near(Some.Floats(bank.Apply(x, a)), Some.Floats(bank.Apply(x, b)), 1e-6);
    }

    [Fact]
    public void ASharePullsTheProbabilitiesTowardsTheAverage()
    {
        var (x, context) = Sequences();
        var r = Some.Normal(Ops, 5, Batch * Length, 6).Softmax();
        float[] Mixed(double share) => Some.Floats(new SimilarityMixer(new LayerScope(1), Width, 6, share, 3, true).Mix(x, r, context));
        var (own, average) = (Some.Floats(r), Mixed(1));
        Near([.. own.Zip(average, (a, b) => 0.75f * a + 0.25f * b)], Mixed(0.25), 1e-6);
    }

    [Fact]
    public void RowsAtATimeGiveTheSameAveragesAndGradientsAsAllAtOnce()
    {
        var training = new TorchOps(training: true);
        (float[] Mixed, float[] Gradient) Run(int rows)
        {
            var (x, context) = Sequences(training);
            var input = TorchOps.TensorOf(x).clone().requires_grad_();
            var mixer = Similarity(new LayerScope(1), 6, random: 2, rows);
            var mixed = mixer.Mix(training.Value(input), Some.Normal(training, 5, Batch * Length, 6).Softmax(), context);
            (TorchOps.TensorOf(mixed) * TorchOps.TensorOf(Some.Normal(training, 6, Batch * Length, 6))).sum().backward();
            return (Some.Floats(mixed), [.. Some.Floats(training.Value(input.grad!)), .. mixer.Weights.SelectMany(weight => Some.Floats(training.Value(weight.Parameter.grad!)))]);
        }

        var whole = Run(0);
        foreach (var rows in new[] { 1, 3, 7, 100 })
        {
            var parts = Run(rows);
            Near(whole.Mixed, parts.Mixed, 1e-6);
            Near(whole.Gradient, parts.Gradient, 1e-5);
        }
    }

    [Fact]
    public void OneHeadAndEqualHeadsExplainATokenAsWellAsTheirMean()
    {
        foreach (var (heads, equal) in new[] { (1, false), (Heads, true) })
        {
            var (x, context) = Sequences(heads: heads);
            if (equal)
            {
                Value Same(Value all) => Ops.Value(TorchOps.TensorOf(all).narrow(1, 0, 1).expand(TorchOps.TensorOf(all).shape));
                var projection = Ops.Value(TorchOps.TensorOf(context.Heads!.Projection).narrow(0, 0, Width / heads).repeat(heads, 1));
                context.Heads = new AttentionHeads(Same(context.Heads.Weights), Same(context.Heads.Contexts), projection);
            }
            var r = Some.Normal(Ops, 5, Batch * Length, 6).Softmax();
            float[] Mixed(bool posterior) => Some.Floats(new AttentionMixer(new LayerScope(1), Width, 6, heads, 1, posterior, 0.5, learned: true).Mix(x, r, context));
            Near(Mixed(false), Mixed(true), 1e-6);
        }
    }

    [Fact]
    public void ThePosteriorWeighsHeadsByTheirDistanceToTheToken()
    {
        const double width = 0.7;
        var (x, context) = Sequences();
        var relations = Relations(new AttentionMixer(new LayerScope(1), Width, Length, Heads, 1, posterior: true, width, learned: true));
        var (tokens, outputs, weights) = (Some.Floats(x), Some.Floats(context.Heads!.Outputs(Heads)), Some.Floats(context.Heads.Weights));
        for (var b = 0; b < Batch; b++)
            for (var i = 0; i < Length; i++)
            {
                var explains = Enumerable.Range(0, Heads).Select(h => Math.Exp(-Enumerable.Range(0, Width)
                    .Sum(d => Math.Pow(tokens[(b * Length + i) * Width + d] - outputs[((b * Heads + h) * Length + i) * Width + d], 2)) / (2 * width * width))).ToArray();
                for (var j = 0; j < Length; j++)
                    Assert.Equal(Enumerable.Range(0, Heads).Sum(h => explains[h] * weights[((b * Heads + h) * Length + i) * Length + j]) / explains.Sum(), relations[b][i][j], 1e-5);
            }
    }

    [Theory]
    [InlineData(4)]
    [InlineData(2)]
    public void HeadsThatAreLeftDoNotChangeAttentionAndSumUpToIt(int kvHeads)
    {
        var x = Some.Normal(Ops, 2, Batch, Length, Width);
        Value Output(bool leaves, out ForwardContext context)
        {
            context = Context(Ops, null, Heads);
            return new CausalSelfAttention(new LayerScope(3), Width, Heads, kvHeads, 0.5, leavesHeads: leaves).Forward(x, context);
        }
        var fused = Some.Floats(Output(false, out var none));
        Assert.Null(none.Heads);
        Near(fused, Some.Floats(Output(true, out var left)), 1e-5);
        Near(fused, Some.Floats(left.Heads!.Outputs(Heads).ReduceSum([1], keepDims: false)), 1e-5);
        Assert.Equal([Batch, Heads, Length, Length], TorchOps.TensorOf(left.Heads.Weights).shape);
    }

    [Fact]
    public void SettingsThatDoNotGoTogetherAreRefused()
    {
        var changes = new (Action<ModelOptions> Change, string Says)[]
        {
            (o => o.Router.Mixer.Temperature = 0, "Model:Router:Mixer:Temperature is 0, but similarities are divided by it; it must be above 0."),
            (o => o.Router.Mixer.Width = -1, "Model:Router:Mixer:Width is -1, but distances are divided by it; it must be above 0."),
            (o => (o.Backbone, o.KvHeads) = (ModelOptions.Encoder, 0), "Model:Router:Mixer:Kind is attention, which looks at a token and the ones before it, but Model:Backbone is encoder"),
            (o => o.Chain.Iterations = 2, "but Model:Chain:Iterations is 2; use one of the two."),
            (o => (o.Block, o.KvHeads) = ("parallel", 0), "but Model:Block is parallel, where no attention runs before the experts"),
            (o => (o.HeadRouting.HeadsPerToken, o.KvHeads) = (2, 0), "but Model:HeadRouting:HeadsPerToken replaces them"),
            (o => (o.AttentionBank.Experts, o.KvHeads) = (3, 0), "but Model:AttentionBank:Experts replaces them"),
        };
        foreach (var (change, says) in changes)
        {
            var options = Some.SmallModel();
            options.Router.Mixer.Kind = "attention";
            change(options);
            Assert.Contains(says, Assert.Throws<UserError>(options.Check).Message);
        }
    }

    private static ScoreMixer Mixer(string kind, int experts) => Mixers[kind](new LayerScope(1), experts);

    /// <param name="random">Scale of the similarity's weights.</param>
    private static SimilarityMixer Similarity(LayerScope scope, int experts, double random, int rows = 0)
    {
        var mixer = new SimilarityMixer(scope, Width, experts, 1, 0.8, learned: true, rows);
        using var noGrad = no_grad();
        mixer.Weights[0].Parameter.normal_(0, 1, new Generator(4)).mul_((TorchSharp.Scalar)random);
        return mixer;
    }

    private static (ScoreRouter Router, FfnExpertBank Bank) Layer(Func<LayerScope, ScoreMixer?> mixer)
    {
        var scope = new LayerScope(6);
        var router = new ScoreRouter(scope.Child("r"), new LinearScoreHead(scope.Child("r"), Width, 6, 1), new TopKSelector(2), WeightRule.Renormalized, [], 6, 2) { Mixer = mixer(scope.Child("m")) };
        return (router, new FfnExpertBank(scope.Child("e"), 6, Width, 5, true, "silu", false, 0.5));
    }

    /// <summary>Q [B][S][S] of a mixer of S experts: the average of unit vectors, one a token.</summary>
    private static float[][][] Relations(ScoreMixer mixer, int[]? padding = null)
    {
        var (x, context) = Sequences(Ops, padding);
        var units = Ops.Constant(HostTensor.From(Enumerable.Range(0, Batch * Length * Length).Select(i => i / Length % Length == i % Length ? 1f : 0f).ToArray(), Batch * Length, Length));
        return [.. Some.Floats(mixer.Mix(x, units, context)).Chunk(Length).Chunk(Length)];
    }

    private static float[][][] Relations(string kind, int[]? padding = null) => Relations(Mixer(kind, Length), padding);

    /// <summary>Normalized tokens [B * S, D], and a pass in which attention has looked at them.</summary>
    private static (Value X, ForwardContext Context) Sequences(TorchOps? ops = null, int[]? padding = null, int heads = Heads)
    {
        ops ??= Ops;
        var context = Context(ops, padding, heads);
        var x = Some.Normal(ops, 2, Batch, Length, Width);
        x = x / ((x * x).ReduceMean([-1]).Sqrt());
        new CausalSelfAttention(new LayerScope(3), Width, heads, heads, 0.5, leavesHeads: true).Forward(x, context);
        return (x.Reshape(-1, Width), context);
    }

    private static ForwardContext Context(TorchOps ops, int[]? padding, int heads)
    {
        var positions = ops.Constant(HostTensor.From(Enumerable.Range(0, Batch * Length).Select(i => Math.Max(0L, i % Length - (padding?[i / Length] ?? 0))).ToArray(), Batch, Length));
        var mask = padding is null ? null
            : ops.Constant(HostTensor.From(Enumerable.Range(0, Batch * Length).Select(i => i % Length < padding[i / Length] ? 0L : 1L).ToArray(), Batch, Length));
        var rotary = new RotaryTable(Length, Width / heads, 10000);
        return new ForwardContext(ops) { SequenceLength = Length, Attention = new AttentionInput(positions, mask, ops.Constant(rotary.Cos), ops.Constant(rotary.Sin)) };
    }

    private static double Entropy(float[] p) => -p.Where(v => v > 0).Sum(v => v * Math.Log(v));

    private static void Near(float[] expected, float[] actual, double tolerance)
    {
        Assert.Equal(expected.Length, actual.Length);
        for (var i = 0; i < expected.Length; i++)
            Assert.Equal(expected[i], actual[i], tolerance * Math.Max(1, Math.Abs(expected[i])));
    }
}
