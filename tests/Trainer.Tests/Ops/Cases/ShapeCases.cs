using OnnxMoe.Artifacts.Tensors;
using OnnxMoe.Trainer.Ops;

namespace OnnxMoe.Trainer.Tests.Ops.Cases;

/// <summary>Operators that move, cut, join and repeat elements, and those that make tensors.</summary>
internal static class ShapeCases
{
    public static IEnumerable<OpCase> All(Draw draw) =>
        [.. Reshapes(draw), .. Cuts(draw), .. Pads(draw), .. Made(draw)];

    private static IEnumerable<OpCase> Reshapes(Draw draw)
    {
        foreach (var (from, to, zero) in new (long[], long[], long)[]
            { ([2, 3, 4], [4, 6], 0), ([2, 3, 4], [0, -1], 0), ([2, 3, 4], [-1], 0), ([2, 0, 3], [0, -1, 3], 0), ([0, 3], [3, 0], 1), ([1], [], 0), ([], [1, 1], 0), ([2, 3, 4], [0, 0, 2, -1], 0) })
            yield return new OpCase("Reshape", [draw.Floats(from), HostTensor.From(to, to.Length)]) { Attributes = new() { ["allowzero"] = zero } };
        for (var i = 0; i < 4; i++)
        {
            var shape = draw.Shape(1, 4);
            yield return new OpCase("Transpose", [draw.Floats(shape)]) { Attributes = new() { ["perm"] = draw.Permutation(shape.Length) } };
            yield return new OpCase("Transpose", [draw.Integers(ElementType.UInt8, shape, 0, 9)]);
            yield return new OpCase("Flatten", [draw.Floats(shape)]) { Attributes = new() { ["axis"] = draw.Between(-shape.Length, shape.Length) } };
            yield return new OpCase("Tile", [draw.Floats(shape), HostTensor.Vector([.. shape.Select(_ => draw.Between(0, 3))])]);
            yield return new OpCase("Expand", [draw.Floats(draw.Broadcast(shape)), HostTensor.Vector(shape)]);
            yield return new OpCase("Shape", [draw.Floats(shape)]) { Attributes = new() { ["start"] = draw.Between(-5, 5), ["end"] = draw.Between(-5, 5) } };
            yield return new OpCase("Size", [draw.Floats(shape)]);
        }
        yield return new OpCase("Expand", [draw.Floats([3, 1]), HostTensor.Vector(1L)]);
        yield return new OpCase("Squeeze", [draw.Floats([1, 3, 1]), HostTensor.Vector(-1L)]);
        yield return new OpCase("Squeeze", [draw.Floats([1, 3, 1])]);
        yield return new OpCase("Unsqueeze", [draw.Floats([3, 2]), HostTensor.Vector(-1L, 0L, 2L)]);
        yield return new OpCase("Unsqueeze", [draw.Floats([]), HostTensor.Vector(0L)]);
        foreach (var mode in new[] { "DCR", "CRD" })
            yield return new OpCase("DepthToSpace", [draw.Floats([2, 8, 2, 3])]) { Attributes = new() { ["blocksize"] = 2L, ["mode"] = mode } };
        yield return new OpCase("SpaceToDepth", [draw.Floats([2, 3, 4, 6])]) { Attributes = new() { ["blocksize"] = 2L } };
    }

    private static IEnumerable<OpCase> Cuts(Draw draw)
    {
        for (var i = 0; i < 6; i++)
        {
            var shape = draw.Shape(1, 3);
            var rank = shape.Length;
            var axes = draw.Permutation(rank).Take(1 + draw.Below(rank)).ToArray();
            long[] Each(Func<long, long> value) => [.. axes.Select(value)];
            yield return new OpCase("Slice", [draw.Floats(shape), HostTensor.Vector(Each(_ => draw.Between(-5, 5))), HostTensor.Vector(Each(_ => draw.Between(-6, 6))),
                HostTensor.Vector(Each(axis => draw.Flip() ? axis : axis - rank)), HostTensor.Vector(Each(_ => draw.Of(-3L, -2L, -1L, 1L, 2L, 3L)))]);
            yield return new OpCase("Slice", [draw.Floats(shape), HostTensor.Vector(1L), HostTensor.Vector(long.MaxValue), HostTensor.Vector(0L)]);
            yield return new OpCase("Slice", [draw.Floats(shape), HostTensor.Vector(-1L), HostTensor.Vector(long.MinValue), HostTensor.Vector(0L), HostTensor.Vector(-1L)]);
            var axis = draw.Axis(rank);
            var others = Enumerable.Range(0, 3).Select(_ => { var s = (long[])shape.Clone(); s[axis < 0 ? axis + rank : axis] = draw.Between(0, 3); return draw.Floats(s); });
            yield return new OpCase("Concat", [.. others]) { Attributes = new() { ["axis"] = axis } };
        }
        yield return new OpCase("Split", [draw.Floats([2, 6]), HostTensor.Vector(1L, 0L, 5L)]) { Outputs = 3, Attributes = new() { ["axis"] = -1L } };
        yield return new OpCase("Split", [draw.Floats([6, 2])]) { Outputs = 3 };
        foreach (var upper in new[] { 0L, 1L })
        {
            yield return new OpCase("Trilu", [draw.Floats([2, 3, 4]), HostTensor.Scalar(draw.Between(-3, 3))]) { Attributes = new() { ["upper"] = upper } };
            yield return new OpCase("Trilu", [draw.Integers(ElementType.Int64, [3, 3], 0, 9)]) { Attributes = new() { ["upper"] = upper } };
        }
    }

    private static IEnumerable<OpCase> Pads(Draw draw)
    {
        foreach (var mode in new[] { "constant", "reflect", "edge" })
        {
            for (var i = 0; i < 3; i++)
            {
                long[] shape = [draw.Between(2, 4), draw.Between(2, 4), draw.Between(2, 4)];
                var pads = HostTensor.Vector([.. Enumerable.Range(0, 6).Select(k => draw.Between(mode == "constant" ? -1 : 0, shape[k % 3] - 1))]);
                yield return new OpCase("Pad", [draw.Floats(shape), pads]) { Attributes = new() { ["mode"] = mode } };
            }
        }
        yield return new OpCase("Pad", [draw.Floats([2, 3]), HostTensor.Vector(1L, 0L, 2L, 1L), HostTensor.Scalar(7f)]) { Smooth = false };
        yield return new OpCase("Pad", [draw.Integers(ElementType.Int64, [2, 3], 0, 9), HostTensor.Vector(1L, 0L, 2L, 1L), HostTensor.Scalar(7L)]);
        yield return new OpCase("Pad", [draw.Floats([0, 3]), HostTensor.Vector(1L, 0L, 2L, 1L), HostTensor.Scalar(7f)]) { Smooth = false };
    }

    private static IEnumerable<OpCase> Made(Draw draw)
    {
        yield return new OpCase("Range", [HostTensor.Scalar(3L), HostTensor.Scalar(-8L), HostTensor.Scalar(-3L)]);
        yield return new OpCase("Range", [HostTensor.Scalar(1), HostTensor.Scalar(1), HostTensor.Scalar(1)]);
        yield return new OpCase("Range", [HostTensor.Scalar(0.5f), HostTensor.Scalar(3f), HostTensor.Scalar(0.3f)]) { Smooth = false };
        yield return new OpCase("ConstantOfShape", [HostTensor.Vector(2L, 0L, 3L)]);
        yield return new OpCase("ConstantOfShape", [HostTensor.Vector(2L, 3L)]) { Attributes = new() { ["value"] = HostTensor.Vector(5) } };
        yield return new OpCase("Constant", []) { Attributes = new() { ["value"] = draw.Floats([2, 2]) } };
        yield return new OpCase("Constant", []) { Attributes = new() { ["value_ints"] = new[] { 1L, 2L } } };
        yield return new OpCase("Constant", []) { Attributes = new() { ["value_float"] = 1.5f } };
        yield return new OpCase("EyeLike", [draw.Floats([3, 4])]) { Attributes = new() { ["k"] = -1L, ["dtype"] = (long)ElementType.Int32 } };
        yield return new OpCase("EyeLike", [draw.Floats([3, 4])]);
        foreach (var axis in new[] { -1L, 0L, 1L, -2L })
            yield return new OpCase("OneHot", [draw.Integers(ElementType.Int64, [2, 3], -6, 6), HostTensor.Scalar(5L), HostTensor.Vector(0.5f, 2f)]) { Attributes = new Attributes { ["axis"] = axis } };
        foreach (var type in new[] { ElementType.Float, ElementType.Bool, ElementType.Int64 })
            yield return new OpCase("NonZero", [draw.Integers(type, draw.Shape(1, 3), 0, 1)]) { Smooth = false };
        yield return new OpCase("Compress", [draw.Floats([3, 4]), draw.Bools(4)]) { Attributes = new() { ["axis"] = -1L } };
        yield return new OpCase("Compress", [draw.Floats([3, 4]), draw.Bools(9)]);
    }
}
