using OnnxMoe.Artifacts.Tensors;
using OnnxMoe.Trainer.Layers;
using OnnxMoe.Trainer.Ops;
using OnnxMoe.Trainer.Routers;
using static TorchSharp.torch;

namespace OnnxMoe.Trainer.Tests.Layers;

public sealed class AttentionBankTests
{
    private const int Experts = 3, Size = 16, Heads = 4, KvHeads = 2, Rows = 2, Length = 5;
    private static readonly TorchOps Ops = new(training: false);
    private static readonly RotaryTable Rotary = new(12, Size / Heads, 10000);

    [Theory]
    [InlineData(false, 0)]
    [InlineData(false, 1)]
    [InlineData(false, 2)]
    [InlineData(true, 0)]
    [InlineData(true, 1)]
    public void TheOutputIsTheGatedSumOfFullAttentionLayers(bool shared, int active)
    {
        var (bank, gate) = Bank(shared, active);
        var x = Some.Normal(Ops, 3, Rows, Length, Size);
        var gates = Some.Floats(gate.Route(x.Reshape(-1, Size), new ForwardContext(Ops)).Weights);
        var parts = Enumerable.Range(0, Experts).Select(i => Some.Floats(Alone(bank, i, shared).Forward(x, Context()))).ToArray();
        var expected = new float[Rows * Length * Size];
        for (var token = 0; token < Rows * Length; token++)
            for (var d = 0; d < Size; d++)
                for (var i = 0; i < Experts; i++)
                    expected[token * Size + d] += gates[token * Experts + i] * parts[i][token * Size + d];

        Close(expected, Some.Floats(bank.Forward(x, Context())), 1e-4);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void LaterTokensDoNotReachEarlierOutputs(bool shared)
    {
        var (bank, _) = Bank(shared);
        var x = Some.Normal(Ops, 3, 1, Length, Size);
        var changed = new[] { x.Slice(1, 0, 3), Some.Normal(Ops, 4, 1, Length - 3, Size) }.Concat(1);
        var (before, after) = (Some.Floats(bank.Forward(x, Context(1))), Some.Floats(bank.Forward(changed, Context(1))));

        Assert.Equal(before[..(3 * Size)], after[..(3 * Size)]);
        Assert.NotEqual(before[(3 * Size)..], after[(3 * Size)..]);
    }

    [Fact]
    public void EveryExpertHasItsOwnCacheUnlessKeysAreShared()
    {
        string[] Shape(bool shared)
        {
            var scope = new LayerScope(1);
            Bank(shared, 0, scope);
            Assert.Equal(["0.key", "0.value"], scope.Caches.Select(slot => slot.Name));
            Assert.Equal(scope.Caches[0].Dimensions, scope.Caches[1].Dimensions);
            return scope.Caches[0].Dimensions;
        }
        Assert.Equal(["batch", "3", "2", "past", "4"], Shape(shared: false));
        Assert.Equal(["batch", "2", "past", "4"], Shape(shared: true));
    }

    [Fact]
    public void GatesSumToOneAndFewerActiveExpertsKeepTheirProbabilities()
    {
        var x = Some.Normal(Ops, 3, 6, Size);
        float[] Gates(int active) => Some.Floats(Bank(false, active).Gate.Route(x, new ForwardContext(Ops)).Weights);
        var (all, best) = (Gates(0), Gates(1));
        for (var token = 0; token < 6; token++)
        {
            var row = all[(token * Experts)..((token + 1) * Experts)];
            Assert.Equal(1, row.Sum(), 1e-5);
            Assert.Equal(row.Select(p => p == row.Max() ? p : 0), best[(token * Experts)..((token + 1) * Experts)]);
        }
    }

    [Fact]
    public void OfEquallyProbableExpertsTheLowerOneIsActive()
    {
        var (_, gate) = Bank(false, active: 1);
        using (no_grad())
            gate.Weights[0].Parameter.zero_();
        var weights = Some.Floats(gate.Route(Some.Normal(Ops, 3, 2, Size), new ForwardContext(Ops)).Weights);
        Close([1f / 3, 0, 0, 1f / 3, 0, 0], weights, 1e-6);
    }

    [Fact]
    public void AttentionCostsEightSquaresOfTheWidthAnExpertAndTheProductsWithItsCache()
    {
        var router = new SoftRouter(new LayerScope(0), new LinearScoreHead(new LayerScope(0), Size, Experts, 1), Experts);
        var bank = new AttentionBank(new LayerScope(0), Size, Heads, Heads, false, router, 1);
        var cost = bank.CostOfToken(new CostContext(7)).ToDictionary(part => part.Part, part => part.Flops);
        Assert.Equal(Experts * 8.0 * Size * Size + 4.0 * Experts * 7 * Size, cost["attention"]);
        Assert.Equal(2.0 * Experts * Size, cost["router"]);
    }

    private static (AttentionBank Bank, SoftRouter Gate) Bank(bool shared, int active = 0, LayerScope? scope = null)
    {
        scope ??= new LayerScope(1);
        var routerScope = scope.Child("router");
        var gate = new SoftRouter(routerScope, new LinearScoreHead(routerScope, Size, Experts, 0.5), Experts, active);
        return (new AttentionBank(scope, Size, Heads, KvHeads, shared, gate, 0.4), gate);
    }

    /// <summary>An ordinary attention layer with the weights of one expert.</summary>
    private static CausalSelfAttention Alone(AttentionBank bank, int expert, bool shared)
    {
        var layer = new CausalSelfAttention(new LayerScope(0), Size, Heads, KvHeads, 1);
        Tensor Of(string name) => bank.Weights.Single(weight => weight.Name == name).Parameter;
        Tensor Keys(string name) => shared ? Of(name) : Of(name)[expert];
        using var noGrad = no_grad();
        layer.Weights[0].Parameter.copy_(cat([Of("query")[expert], Keys("key"), Keys("value")], 1));
        layer.Weights[1].Parameter.copy_(Of("output")[expert]);
        return layer;
    }

    private static ForwardContext Context(int rows = Rows)
    {
        var positions = HostTensor.From(Enumerable.Range(0, rows * Length).Select(i => (long)(i % Length)).ToArray(), rows, Length);
        return new ForwardContext(Ops) { Attention = new AttentionInput(Ops.Constant(positions), null, Ops.Constant(Rotary.Cos), Ops.Constant(Rotary.Sin)) };
    }

    private static void Close(float[] expected, float[] actual, double tolerance)
    {
        Assert.Equal(expected.Length, actual.Length);
        Assert.All(expected.Zip(actual), pair => Assert.Equal(pair.First, pair.Second, tolerance));
    }
}
