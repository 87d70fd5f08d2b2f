using TorchSharp;
using static TorchSharp.torch;

namespace OnnxMoe.Compat.Tests.Golden;

/// <summary>Gradients with respect to A.</summary>
public static partial class Expressions
{
    private static IEnumerable<Expression> Gradients() =>
    [
        E("grad mul", () => Gradient(x => (x * x * P).sum())),
        E("grad softmax", () => Gradient(x => x.softmax(1)[TensorIndex.Colon, 1].sum())),
        E("grad matmul", () => Gradient(x => x.matmul(P.t()).pow(2).sum())),
        E("grad gather", () => Gradient(x => x.gather(1, tensor(new long[] { 0, 0, 1, 1, 2, 3 }, [3, 2])).pow(2).sum())),
        E("grad topk", () => Gradient(x => x.topk(2).values.pow(2).sum())),
        E("grad where", () => Gradient(x => where(M, x, x * 2).sum())),
        E("grad layer_norm", () => Gradient(x => nn.functional.layer_norm(x, new long[] { 4 }, P[0]).pow(3).sum())),
        E("grad cross_entropy", () => Gradient(x => nn.functional.cross_entropy(x, tensor(new long[] { 1, 0, 3 })))),
        E("grad index_add", () => Gradient(x => zeros(2, 4, ScalarType.Float64).index_add(0, tensor(new long[] { 0, 1, 0 }), x, 1).pow(2).sum())),
        E("grad index", () => Gradient(x => x[tensor(new long[] { 0, 0, 2 })].pow(2).sum())),
        E("grad slice", () => Gradient(x => x[TensorIndex.Colon, TensorIndex.Slice(1, 3)].exp().sum())),
        E("grad cat", () => Gradient(x => cat([x, x * 2], 1).pow(2).sum())),
        E("grad no_grad", () => Gradient(x => { using (no_grad()) { (x * 5).sum(); } return (x * 2).sum(); })),
        E("grad detach", () => Gradient(x => (x * x.detach()).sum())),
        E("grad silu", () => Gradient(x => x.silu().sum())),
        E("grad std", () => Gradient(x => x.std(1).sum())),
        E("grad clamp", () => Gradient(x => x.clamp(-0.5, 0.5).pow(2).sum())),
        E("grad scatter_add", () => Gradient(x => zeros(3, 4, ScalarType.Float64).scatter_add(1, I.abs() % 4, x).pow(2).sum())),
        E("grad cumsum", () => Gradient(x => x.cumsum(1).pow(2).sum())),
        E("grad conv1d", () => Gradient(x => nn.functional.conv1d(x.unsqueeze(0), Wave(0.5, 2, 3, 2)).pow(2).sum())),
        E("second order", () => SecondOrder()),
        E("grad accumulates", () => Accumulated()),
    ];
}
