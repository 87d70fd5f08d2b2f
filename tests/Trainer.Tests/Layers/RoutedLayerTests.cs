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
