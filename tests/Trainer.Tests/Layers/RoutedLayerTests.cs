using OnnxMoe.Artifacts;
using OnnxMoe.Trainer.Backbones;
using OnnxMoe.Trainer.Experts;
using OnnxMoe.Trainer.Layers;
using OnnxMoe.Trainer.Ops;
using OnnxMoe.Trainer.Routers;

namespace OnnxMoe.Trainer.Tests.Layers;

/// <summary>Invariants of DeepSeekMoE (arXiv 2401.06066).</summary>
public class RoutedLayerTests
{
    private const int Size = 6;
    private const int Hidden = 8;
    private static readonly TorchOps Ops = new(training: false);

    [Fact]
    public void AddsTheSharedExpertsToTheWeightedRoutedOnes()
    {
        var scope = new LayerScope(1);
        var router = new ScoreRouter(scope.Child("r"), new LinearScoreHead(scope.Child("r"), Size, 5, 1), new TopKSelector(2), WeightRule.Softmax, [], 5, 2);
        var bank = new FfnExpertBank(scope.Child("e"), 5, Size, Hidden, true, "silu", false, 0.5);
        var shared = new FeedForward(scope.Child("s"), Size, Hidden, true, "silu", false, 0.5);
        var layer = new RoutedLayer(scope, 3, Size, router, bank, shared);
        var x = Some.Normal(Ops, 2, 2, 4, Size);
        var context = new ForwardContext(Ops);
        var y = Some.Floats(layer.Forward(x, context));

        var (routed, routing) = Assert.Single(context.Routings);
        Assert.Same(layer, routed);
        Assert.Equal(3, routed.Number);
        var tokens = Some.Floats(x).Chunk(Size).ToArray();
        var indices = Some.Longs(routing.Indices);
        var weights = Some.Floats(routing.Weights);
        var shareds = Some.Floats(shared.Forward(x)).Chunk(Size).ToArray();
        for (var t = 0; t < tokens.Length; t++)
        {
            var expected = shareds[t].Select(v => (double)v).ToArray();
            for (var k = 0; k < 2; k++)
            {
                var one = Reference(bank.Weights, (int)indices[2 * t + k], tokens[t]);
                for (var d = 0; d < Size; d++)
                    expected[d] += weights[2 * t + k] * one[d];
            }
            for (var d = 0; d < Size; d++)
                Assert.Equal(expected[d], y[t * Size + d], 1e-4);
        }
    }

    [Fact]
    public void SlicesOfAFeedForwardLayerAddUpToIt()
    {
        var whole = new FeedForward(new LayerScope(4), Size, Hidden, true, "silu", false, 0.5);
        var x = Some.Normal(Ops, 3, 5, Size);
        var (up, down, gate) = (Ops.Weight(whole.Weights[0]), Ops.Weight(whole.Weights[1]), Ops.Weight(whole.Weights[2]));
        var parts = Enumerable.Range(0, 4).Select(i =>
        {
            Value Columns(Value w) => w.Slice(1, 2 * i, 2 * i + 2);
            return (x.MatMul(Columns(gate)).Silu() * x.MatMul(Columns(up))).MatMul(down.Slice(0, 2 * i, 2 * i + 2));
        });

        Close(Some.Floats(whole.Forward(x)), Some.Floats(parts.Aggregate((a, b) => a + b)));
    }

    [Fact]
    public void SharedExpertsApartAreOneFeedForwardLayer()
    {
        const int count = 3;
        var whole = new FeedForward(new LayerScope(4), Size, count * Hidden, true, "silu", false, 0.5);
        var x = Some.Normal(Ops, 3, 5, Size);
        var apart = Enumerable.Range(0, count).Select(i =>
        {
            var one = new FeedForward(new LayerScope(0), Size, Hidden, true, "silu", false, 0.5);
            using var noGrad = TorchSharp.torch.no_grad();
            for (var w = 0; w < 3; w++)
                one.Weights[w].Parameter.copy_(whole.Weights[w].Parameter.narrow(w == 1 ? 0 : 1, i * Hidden, Hidden)); // up, down, gate
            return one.Forward(x);
        });

        Close(Some.Floats(whole.Forward(x)), Some.Floats(apart.Aggregate((a, b) => a + b)));
    }

    [Fact]
    public void SharedExpertsMeetEveryTokenAndHaveNoRouterRow()
    {
        var options = Some.SmallModel();
        (options.FirstDenseLayers, options.SharedExperts) = (0, 2);
        var layer = new DecoderLm(options, 10, 0).RoutedLayers.First();
        Assert.Equal([16L, 6L], Assert.Single(layer.Router.Weights).Shape);

        using var noGrad = TorchSharp.torch.no_grad();
        layer.Experts.Weights.Single(w => w.Name.EndsWith("down", StringComparison.Ordinal)).Parameter.zero_();
        var shared = Assert.Single(layer.Weights, w => w.Name.EndsWith("shared.down", StringComparison.Ordinal));
        Assert.Equal([2L * 8, 16L], shared.Shape);
        var context = new ForwardContext(Ops);
        var y = Some.Floats(layer.Forward(Some.Normal(Ops, 2, 2, 4, 16), context));
        Assert.All(y.Chunk(16), token => Assert.Contains(token, value => Math.Abs(value) > 1e-6));
        // The routing, which traces and loads are made of, knows the routed experts alone.
        Assert.Equal(2 * 4 * 2, Some.Longs(context.Routings[0].Routing.Indices).Count(e => e is >= 0 and < 6));
    }

    [Fact]
    public void WithoutSharedExpertsItIsTopKOfTheSoftmaxAsItIs()
    {
        var scope = new LayerScope(6);
        var head = new LinearScoreHead(scope.Child("r"), Size, 5, 1);
        var bank = new FfnExpertBank(scope.Child("e"), 5, Size, Hidden, true, "silu", false, 0.5);
        var layer = new RoutedLayer(scope, 0, Size, new ScoreRouter(scope.Child("r"), head, new TopKSelector(2), WeightRule.Softmax, [], 5, 2), bank, null);
        var x = Some.Normal(Ops, 2, 1, 7, Size);
        var y = Some.Floats(layer.Forward(x, new ForwardContext(Ops)));
        var (tokens, rows) = (Some.Floats(x).Chunk(Size).ToArray(), head.Weights[0].Parameter.detach().data<float>().ToArray());
        for (var t = 0; t < tokens.Length; t++)
        {
            var scores = Enumerable.Range(0, 5).Select(e => Math.Exp(Enumerable.Range(0, Size).Sum(d => (double)tokens[t][d] * rows[d * 5 + e]))).ToArray();
            var expected = new double[Size];
            foreach (var e in Enumerable.Range(0, 5).OrderByDescending(e => scores[e]).Take(2))
            {
                var one = Reference(bank.Weights, e, tokens[t]);
                for (var d = 0; d < Size; d++)
                    expected[d] += scores[e] / scores.Sum() * one[d];
            }
            for (var d = 0; d < Size; d++)
                Assert.Equal(expected[d], y[t * Size + d], 1e-5);
        }
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    public void TheFirstLayersMayBeDense(int dense)
    {
        var options = Some.SmallModel();
        options.FirstDenseLayers = dense;
        var model = new DecoderLm(options, 10, 0);
        Assert.Equal(Enumerable.Range(dense, 2 - dense), model.RoutedLayers.Select(layer => layer.Number));
        Assert.Equal(dense == 1, model.Weights.Any(w => w.Name.StartsWith("layers.0.ffn.", StringComparison.Ordinal)));
        Assert.Equal(dense == 0, model.Weights.Any(w => w.Name.StartsWith("layers.0.moe.", StringComparison.Ordinal)));
    }

    public static TheoryData<string, Action<ModelOptions>> Mistakes() => new()
    {
        { "Model:ExpertsPerToken is 7; there are only 6 routed experts", o => o.ExpertsPerToken = 7 },
        { "Model:Router:DeviceGroups is 4, which does not divide Model:Experts 6", o => o.Router.DeviceGroups = 4 },
    };

    [Theory]
    [MemberData(nameof(Mistakes))]
    public void SettingsThatDoNotGoTogetherAreRefused(string message, Action<ModelOptions> change)
    {
        var options = Some.SmallModel();
        change(options);
        Assert.StartsWith(message, Assert.Throws<UserError>(options.Check).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void EqualBudgetsHaveEqualParameterCounts()
    {
        // N = 8 experts of hidden 64, K = 2; cut into m = 4, of which 1 is shared.
        static (long Total, long Active) Count(int experts, int perToken, int hidden, int sharedExperts)
        {
            var options = Some.SmallModel();
            (options.Experts, options.ExpertsPerToken, options.ExpertHidden, options.SharedExperts) = (experts, perToken, hidden, sharedExperts);
            var model = new DecoderLm(options, 10, 0);
            var router = model.Weights.Where(w => w.Name.Contains("router")).Sum(w => w.Parameter.numel());
            var size = ModelCost.Parameters(model);
            var dense = model.Weights.Where(w => w.Name.Contains(".ffn.")).Sum(w => w.Parameter.numel());
            return (size.Total - router - dense, size.Active - router - dense);
        }

        Assert.Equal(Count(8, 2, 64, 0), Count(31, 7, 16, 1));
    }

    private static double[] Reference(IReadOnlyList<Weight> weights, int expert, float[] x)
    {
        float[] Matrix(int i) => weights[i].Parameter.detach().data<float>().ToArray()[(expert * Size * Hidden)..((expert + 1) * Size * Hidden)];
        var (up, down, gate) = (Matrix(0), Matrix(1), Matrix(2));
        var y = new double[Size];
        for (var h = 0; h < Hidden; h++)
        {
            double u = 0, g = 0;
            for (var d = 0; d < Size; d++)
            {
                u += x[d] * up[d * Hidden + h];
                g += x[d] * gate[d * Hidden + h];
            }
            for (var d = 0; d < Size; d++)
                y[d] += u * g / (1 + Math.Exp(-g)) * down[h * Size + d];
        }
        return y;
    }

    private static void Close(float[] expected, float[] actual)
    {
        Assert.Equal(expected.Length, actual.Length);
        for (var i = 0; i < expected.Length; i++)
            Assert.Equal(expected[i], actual[i], 1e-5);
    }
}
