using TorchSharp;
using static TorchSharp.torch;

namespace OnnxMoe.Compat.Tests.Golden;

/// <summary>Matrix products.</summary>
public static partial class Expressions
{
    private static IEnumerable<Expression> Products() =>
    [
        E("matmul", () => A.matmul(P.t())),
        E("matmul batch", () => C.matmul(C.transpose(1, 2))),
        E("matmul vector", () => A.matmul(P[0])),
        E("matmul broadcast", () => C.matmul(P.t())),
        E("mm", () => A.mm(P.t())),
        E("bmm", () => C.bmm(C.transpose(1, 2))),
        E("mv", () => A.mv(P[1])),
        E("dot", () => A[0].dot(P[0])),
        E("addmm", () => A.mm(P.t()).addmm(A, P.t(), 2f, 0.5f)),
        E("outer", () => A[0].outer(P[0])),
        E("kron", () => A.kron(P)),
        E("tensordot", () => A.tensordot(P, new long[] { 1 }, new long[] { 1 })),
        E("det", () => A.narrow(1, 0, 3).det()),
        E("inverse", () => (A.narrow(1, 0, 3) + eye(3)).inverse()),
        E("matrix_power", () => A.narrow(1, 0, 3).matrix_power(3)),
        E("float matmul", () => A.@float().matmul(P.@float().t())),
        E("int matmul", () => I.matmul(I.t())),
        E("renorm", () => A.renorm(2f, 0, 1f)),
    ];
}
