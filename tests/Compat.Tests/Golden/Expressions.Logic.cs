using TorchSharp;
using static TorchSharp.torch;

namespace OnnxMoe.Compat.Tests.Golden;

/// <summary>Comparison and logic.</summary>
public static partial class Expressions
{
    private static IEnumerable<Expression> Logic() =>
    [
        E("A > P", () => A > P),
        E("A < P", () => A < P),
        E("A >= P", () => A >= P),
        E("A <= P", () => A <= P),
        E("A == P", () => A == P),
        E("A != P", () => A != P),
        E("I > 3", () => I > 3),
        E("I < 3", () => I < 3),
        E("I >= 3", () => I >= 3),
        E("I <= 3", () => I <= 3),
        E("I == 3", () => I == 3),
        E("I != 3", () => I != 3),
        E("3 > I", () => 3 > I),
        E("3 < I", () => 3 < I),
        E("3 >= I", () => 3 >= I),
        E("3 <= I", () => 3 <= I),
        E("I > 2.5", () => I > 2.5),
        E("I < 2.5", () => I < 2.5),
        E("M & ~M", () => M & ~M),
        E("M | ~M", () => M | ~M),
        E("M ^ M", () => M ^ M),
        E("I & I.abs()", () => I & I.abs()),
        E("~I", () => ~I),
        E("logical_and", () => I.logical_and(M)),
        E("logical_or", () => M.logical_or(I > 8)),
        E("logical_xor", () => M.logical_xor(I > 8)),
        E("logical_not", () => I.logical_not()),
        E("isnan", () => (A / 0.0 * 0).isnan()),
        E("isinf", () => (A / 0.0).isinf()),
        E("isfinite", () => (A / 0.0).isfinite()),
        E("eq", () => I.eq(3)),
        E("ne", () => I.ne(I)),
        E("isclose", () => A.isclose(A + 1e-9)),
        E("isin", () => I.isin(tensor(new long[] { 3, 5 }))),
        E("maximum", () => A.maximum(P)),
        E("minimum", () => A.minimum(P)),
        E("where", () => where(M, A, P)),
        E("where int", () => where(M, I, -I)),
        E("where mixed", () => where(M, A, tensor(0L))),
        E("masked_fill", () => A.masked_fill(M, -7)),
        E("masked_fill inf", () => A.masked_fill(M, double.NegativeInfinity)),
        E("masked_select", () => A.masked_select(M)),
        E("masked_fill_", () => A.masked_fill_(M, 1)),
        E("bitwise_left_shift", () => I.abs().bitwise_left_shift(tensor(2L))),
        E("bitwise_xor", () => I.bitwise_xor(tensor(3L))),
    ];
}
