using OnnxMoe.Artifacts.Tensors;
using OnnxMoe.Trainer.Ops;
using TorchSharp;
using static TorchSharp.torch;

namespace OnnxMoe.Trainer.Tests.Ops;

/// <summary>Attention against its definition, position by position, and against itself through the cache.</summary>
public class CausalAttentionTests
{
    private const int B = 2;
    private const int S = 5;
    private const int Heads = 4;
    private const int Half = 3;
    private const int Size = 2 * Half;

    private static readonly TorchOps Ops = new(training: true);

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(4)]
    public void IsItsDefinition(int kvHeads)
    {
        using var scope = NewDisposeScope();
        var (q, k, v) = Inputs(kvHeads);
        var (context, presentKey, presentValue) = Attend(q, k, v, null, null, null, 0, kvHeads);
        var expected = Define(q, k, v, kvHeads);
        Assert.Equal([B, kvHeads, S, Size], ((TorchValue)presentKey).Shape);
        Assert.Equal([B, kvHeads, S, Size], ((TorchValue)presentValue).Shape);
        Near(expected, TorchOps.TensorOf(context));
    }

    [Theory]
    [InlineData(2)]
    [InlineData(4)]
    public void HasTheGradientOfItsDefinition(int kvHeads)
    {
        using var scope = NewDisposeScope();
        var (q, k, v) = Inputs(kvHeads);
        var gradients = new List<Tensor[]>();
        foreach (var result in new[] { Define(q, k, v, kvHeads), TorchOps.TensorOf(Attend(q, k, v, null, null, null, 0, kvHeads).Context) })
        {
            foreach (var leaf in new[] { q, k, v })
                leaf.grad = null;
            result.mul(arange(0, result.numel(), dtype: ScalarType.Float64).cos().reshape(result.shape)).sum().backward();
            gradients.Add([q.grad!.clone(), k.grad!.clone(), v.grad!.clone()]);
        }
        for (var i = 0; i < 3; i++)
            Near(gradients[0][i], gradients[1][i]);
    }

    [Theory]
    [InlineData(2)]
    [InlineData(4)]
    public void StepByStepThroughTheCacheIsTheWholeAtOnce(int kvHeads)
    {
        using var scope = NewDisposeScope();
        var (q, k, v) = Inputs(kvHeads);
        var whole = TorchOps.TensorOf(Attend(q, k, v, null, null, null, 0, kvHeads).Context);
        Value? pastKey = null, pastValue = null;
        var parts = new List<Tensor>();
        for (var s = 0; s < S; s += 2)
        {
            var length = Math.Min(2, S - s);
            Value context;
            (context, pastKey, pastValue) = Attend(q.narrow(1, s, length), k.narrow(1, s, length), v.narrow(1, s, length), pastKey, pastValue, null, s, kvHeads);
            parts.Add(TorchOps.TensorOf(context));
        }
        Near(whole, cat(parts, 1));
    }

    [Fact]
    public void MaskedPositionsOnTheLeftDoNotCount()
    {
        using var scope = NewDisposeScope();
        var (q, k, v) = Inputs(2);
        var expected = TorchOps.TensorOf(Attend(q.narrow(1, 2, 3), k.narrow(1, 2, 3), v.narrow(1, 2, 3), null, null, null, 0, 2).Context);
        var mask = Ops.Constant(HostTensor.From([0L, 0, 1, 1, 1, 0, 0, 1, 1, 1], B, S));
        var actual = TorchOps.TensorOf(Attend(q, k, v, null, null, mask, -2, 2).Context);
        Near(expected, actual.narrow(1, 2, 3));
        Assert.False(actual.isnan().any().item<bool>());
    }

    private static (Tensor Q, Tensor K, Tensor V) Inputs(int kvHeads)
    {
        Tensor Leaf(int seed, int heads) => TorchTensors.ToTorch(new Draw(seed).Floats([B, S, heads * Size], -1, 1, ElementType.Double)).requires_grad_();
        return (Leaf(1, Heads), Leaf(2, kvHeads), Leaf(3, kvHeads));
    }

    private static (Value Context, Value Key, Value Value) Attend(Tensor q, Tensor k, Tensor v, Value? pastKey, Value? pastValue, Value? mask, long start, int kvHeads)
    {
        var positions = arange(start, start + q.shape[1], dtype: ScalarType.Int64).clamp((Scalar)0L).unsqueeze(0).expand(B, q.shape[1]);
        var angles = Angles();
        return Ops.Value(q).CausalAttention(Ops.Value(k), Ops.Value(v), pastKey, pastValue, mask, Ops.Value(positions), Ops.Value(angles.cos()), Ops.Value(angles.sin()), Heads, kvHeads);
    }

    private static Tensor Angles() => arange(0, 16, dtype: ScalarType.Float64).unsqueeze(1).mul(tensor(new[] { 1.0, 0.3, 0.05 }).unsqueeze(0));

    private static Tensor Define(Tensor q, Tensor k, Tensor v, int kvHeads)
    {
        Tensor Head(Tensor t, int b, int s, int h) => t.select(0, b).select(0, s).narrow(0, h * Size, Size);
        Tensor Rotated(Tensor t, int b, int s, int h)
        {
            var (x, angle) = (Head(t, b, s, h), Angles().select(0, s));
            var (first, second) = (x.narrow(0, 0, Half), x.narrow(0, Half, Half));
            return cat([first.mul(angle.cos()).sub(second.mul(angle.sin())), second.mul(angle.cos()).add(first.mul(angle.sin()))]);
        }
        var rows = new List<Tensor>();
        for (var b = 0; b < B; b++)
        {
            for (var s = 0; s < S; s++)
            {
                for (var h = 0; h < Heads; h++)
                {
                    var kv = h / (Heads / kvHeads);
                    var scores = stack([.. Enumerable.Range(0, s + 1).Select(j => Rotated(q, b, s, h).dot(Rotated(k, b, j, kv)).div((Scalar)Math.Sqrt(Size)))]);
                    var values = stack([.. Enumerable.Range(0, s + 1).Select(j => Head(v, b, j, kv))]);
                    rows.Add(scores.softmax(0).matmul(values));
                }
            }
        }
        return stack(rows).reshape(B, S, Heads * Size);
    }

    private static void Near(Tensor expected, Tensor actual)
    {
        Assert.Equal(expected.shape, actual.shape);
        Assert.True(expected.sub(actual).abs().max().item<double>() < 1e-9);
    }
}
