using OnnxMoe.Artifacts;
using OnnxMoe.Artifacts.Tensors;
using OnnxMoe.Trainer.Ops;
using TorchSharp;
using static TorchSharp.torch;

namespace OnnxMoe.Trainer.Tests.Ops;

/// <summary>GroupedFfn and GroupedLinear give what a loop over tokens gives, and so do their gradients.</summary>
public class MoeOpsTests
{
    private const int D = 5;
    private const int F = 4;

    public static TheoryData<string, bool, bool> Variants()
    {
        var data = new TheoryData<string, bool, bool>();
        foreach (var activation in new[] { "relu", "gelu", "silu", "identity" })
            foreach (var gated in new[] { false, true })
                foreach (var biased in new[] { false, true })
                    data.Add(activation, gated, biased);
        return data;
    }

    /// <summary>Tokens, picks and experts; and whether all tokens go to the last expert.</summary>
    private static readonly (int T, int K, int E, bool Same)[] Routings = [(0, 2, 3, false), (1, 1, 1, false), (1, 3, 4, false), (17, 2, 4, false), (9, 2, 3, true), (6, 1, 1, true), (3, 0, 2, false)];

    [Theory]
    [MemberData(nameof(Variants))]
    public void GroupedFfnIsTheLoopOverTokens(string activation, bool gated, bool biased)
    {
        foreach (var (tokens, picks, experts, same) in Routings)
        {
            using var scope = NewDisposeScope();
            var indices = Indices(tokens, picks, experts, same);
            Tensor?[] leaves = [Leaf(1, tokens, D), Leaf(2, tokens, picks), Leaf(3, experts, D, F), Leaf(4, experts, F, D),
                gated ? Leaf(5, experts, D, F) : null, biased ? Leaf(6, experts, F) : null, biased ? Leaf(7, experts, D) : null, biased && gated ? Leaf(8, experts, F) : null];
            var ops = new TorchOps(training: true);
            Value? V(int i) => leaves[i] is { } leaf ? ops.Value(leaf) : null;
            var actual = TorchOps.TensorOf(V(0)!.GroupedFfn(ops.Value(indices), V(1)!, V(2)!, V(3)!, V(4), activation, V(5), V(6), V(7)));
            var expected = zeros([tokens, D], ScalarType.Float64);
            foreach (var (t, k, e) in Picks(indices))
            {
                Tensor Through(int matrix, int bias) => leaves[0]!.select(0, t).matmul(leaves[matrix]!.select(0, e)).add(leaves[bias]?.select(0, e) ?? zeros(F, ScalarType.Float64));
                var hidden = gated ? Act(activation, Through(4, 7)).mul(Through(2, 5)) : Act(activation, Through(2, 5));
                var y = hidden.matmul(leaves[3]!.select(0, e)).add(leaves[6]?.select(0, e) ?? zeros(D, ScalarType.Float64));
                expected = Add(expected, t, y.mul(leaves[1]!.select(0, t).select(0, k)));
            }
            Same(expected, actual, leaves);
        }
    }

    [Theory]
    [InlineData(false, false, false)]
    [InlineData(true, false, true)]
    [InlineData(false, true, true)]
    [InlineData(true, true, false)]
    public void GroupedLinearIsTheLoopOverTokens(bool perPick, bool weighted, bool biased)
    {
        foreach (var (tokens, picks, experts, same) in Routings)
        {
            using var scope = NewDisposeScope();
            var indices = Indices(tokens, picks, experts, same);
            Tensor?[] leaves = [perPick ? Leaf(1, tokens, picks, D) : Leaf(1, tokens, D), Leaf(2, experts, D, F), biased ? Leaf(3, experts, F) : null, weighted ? Leaf(4, tokens, picks) : null];
            var ops = new TorchOps(training: true);
            Value? V(int i) => leaves[i] is { } leaf ? ops.Value(leaf) : null;
            var actual = TorchOps.TensorOf(V(0)!.GroupedLinear(ops.Value(indices), V(1)!, V(2), V(3), perPick));
            var expected = zeros(weighted ? [tokens, F] : [tokens * picks, F], ScalarType.Float64);
            foreach (var (t, k, e) in Picks(indices))
            {
                var x = perPick ? leaves[0]!.select(0, t).select(0, k) : leaves[0]!.select(0, t);
                var y = x.matmul(leaves[1]!.select(0, e)).add(leaves[2]?.select(0, e) ?? zeros(F, ScalarType.Float64));
                expected = Add(expected, weighted ? t : t * picks + k, weighted ? y.mul(leaves[3]!.select(0, t).select(0, k)) : y);
            }
            Same(weighted ? expected : expected.reshape(tokens, picks, F), actual, leaves);
        }
    }

    [Fact]
    public void AnIndexBeyondTheExpertsIsAnError()
    {
        using var scope = NewDisposeScope();
        var ops = new TorchOps();
        var x = ops.Value(Leaf(1, 2, D));
        var problem = Assert.Throws<UserError>(() => x.GroupedFfn(ops.Constant(HostTensor.From([0L, 3], 2, 1)), ops.Value(Leaf(2, 2, 1)), ops.Value(Leaf(3, 3, D, F)), ops.Value(Leaf(4, 3, F, D))));
        Assert.Contains("expert index 3 is outside of -1..2", problem.Message);
    }

    [Fact]
    public void HalfPrecisionWeightsAreWidened()
    {
        using var scope = NewDisposeScope();
        var ops = new TorchOps();
        var (x, weights, up, down) = (Single(1, 3, D), Single(2, 3, 2), Single(3, 2, D, F), Single(4, 2, F, D));
        var indices = ops.Constant(HostTensor.From([0L, 1, 1, -1, 0, 0], 3, 2));
        var whole = ops.Value(x).GroupedFfn(indices, ops.Value(weights), ops.Value(up), ops.Value(down));
        var half = ops.Value(x).GroupedFfn(indices, ops.Value(weights), ops.Value(up.to_type(ScalarType.Float16)), ops.Value(down.to_type(ScalarType.Float16)));
        Assert.Equal(ElementType.Float, half.Type);
        Assert.True(TorchOps.TensorOf(whole).sub(TorchOps.TensorOf(half)).abs().max().item<float>() < 1e-2);
    }

    private static Tensor Single(int seed, params long[] shape) => Leaf(seed, shape).detach().to_type(ScalarType.Float32);

    private static Tensor Leaf(int seed, params long[] shape) =>
        TorchTensors.ToTorch(new Draw(seed).Floats(shape, -1, 1, ElementType.Double)).requires_grad_();

    /// <summary>Some picks are -1; some tokens pick one expert twice.</summary>
    private static Tensor Indices(int tokens, int picks, int experts, bool same)
    {
        var draw = new Draw(tokens + picks);
        var values = new long[tokens * picks];
        for (var i = 0; i < values.Length; i++)
            values[i] = same ? experts - 1 : draw.Between(-1, experts - 1);
        return tensor(values, ScalarType.Int64).reshape(tokens, picks);
    }

    private static IEnumerable<(int T, int K, int E)> Picks(Tensor indices)
    {
        var values = TorchTensors.ToHost(indices).ToInt64();
        var picks = (int)indices.shape[1];
        return values.Select((e, i) => (T: i / Math.Max(1, picks), K: i % Math.Max(1, picks), E: (int)e)).Where(p => p.E >= 0);
    }

    private static Tensor Act(string activation, Tensor x) => activation switch
    {
        "relu" => x.relu(),
        "gelu" => x.mul(x.div((Scalar)Math.Sqrt(2)).erf().add((Scalar)1.0)).mul((Scalar)0.5),
        "silu" => x.mul(x.sigmoid()),
        _ => x,
    };

    private static Tensor Add(Tensor sum, int row, Tensor value)
    {
        var place = zeros([sum.shape[0], 1], ScalarType.Float64);
        place[row, 0] = tensor(1.0);
        return sum.add(place.mul(value));
    }

    private static void Same(Tensor expected, Tensor actual, Tensor?[] leaves)
    {
        Assert.Equal(expected.shape, actual.shape);
        Near(expected, actual);
        Gradients(expected, leaves, out var wanted);
        Gradients(actual, leaves, out var got);
        for (var i = 0; i < leaves.Length; i++)
        {
            if (wanted[i] is { } gradient)
                Near(gradient, got[i] ?? zeros_like(gradient));
        }
    }

    private static void Gradients(Tensor result, Tensor?[] leaves, out Tensor?[] gradients)
    {
        foreach (var leaf in leaves.OfType<Tensor>())
            leaf.grad = null;
        if (result.requires_grad)
            result.mul(arange(0, result.numel(), dtype: ScalarType.Float64).cos().reshape(result.shape)).sum().backward();
        gradients = Array.ConvertAll(leaves, leaf => leaf?.grad?.clone());
    }

    private static void Near(Tensor expected, Tensor actual)
    {
        if (expected.numel() > 0)
            Assert.True(expected.sub(actual).abs().max().item<double>() < 1e-9);
    }
}
