using OnnxMoe.Artifacts.Tensors;

namespace OnnxMoe.Trainer.Tests.Ops.Cases;

/// <summary>Reductions, selection, scans and products.</summary>
internal static class ReductionCases
{
    public static IEnumerable<OpCase> All(Draw draw)
    {
        foreach (var op in new[] { "ReduceSum", "ReduceMean", "ReduceMax", "ReduceMin", "ReduceProd", "ReduceL1", "ReduceL2", "ReduceSumSquare", "ReduceLogSum", "ReduceLogSumExp" })
        {
            for (var i = 0; i < 3; i++)
                yield return Reduce(draw, op, draw.Of(ElementType.Float, ElementType.Double), i);
            if (op != "ReduceLogSumExp") // its rounding to integers differs by one where the float is nearly whole
                yield return Reduce(draw, op, ElementType.Int32, 0);
        }
        yield return new OpCase("ReduceSum", [draw.Floats([2, 3]), HostTensor.From(Array.Empty<long>(), 0)]) { Attributes = new() { ["noop_with_empty_axes"] = 1L } };
        yield return new OpCase("ReduceSum", [draw.Floats([0, 3]), HostTensor.Vector(0L)]);
        foreach (var op in Arguments(draw).Concat(TopKs(draw)).Concat(Sums(draw)).Concat(Products(draw)))
            yield return op;
    }

    private static OpCase Reduce(Draw draw, string op, ElementType type, int variant)
    {
        var shape = draw.Shape(1, 4, mayBeEmpty: false);
        var x = type.IsFloating() ? draw.Floats(shape, 0.2, 2, type) : draw.Integers(type, shape, 1, 5);
        var axes = draw.Permutation(shape.Length).Take(1 + draw.Below(shape.Length)).Select(axis => draw.Flip() ? axis : axis - shape.Length).ToArray();
        var keep = draw.Flip() ? 1L : 0L;
        if (variant == 2)
            return new OpCase(op, [x]) { Attributes = new() { ["keepdims"] = keep } };
        return op == "ReduceSum"
            ? new OpCase(op, [x, HostTensor.Vector(axes)]) { Attributes = new() { ["keepdims"] = keep } }
            : new OpCase(op, [x]) { Attributes = new() { ["axes"] = axes, ["keepdims"] = keep } };
    }

    private static IEnumerable<OpCase> Arguments(Draw draw)
    {
        foreach (var op in new[] { "ArgMax", "ArgMin" })
        {
            foreach (var last in new[] { 0L, 1L })
            {
                var shape = draw.Shape(1, 3, mayBeEmpty: false);
                var attributes = new Trainer.Ops.Attributes { ["axis"] = draw.Axis(shape.Length), ["select_last_index"] = last, ["keepdims"] = draw.Flip() ? 1L : 0L };
                yield return new OpCase(op, [draw.Floats(shape)]) { Attributes = attributes };
                yield return new OpCase(op, [draw.Integers(ElementType.Float, shape, 0, 2)]) { Attributes = attributes, Smooth = false };
                yield return new OpCase(op, [draw.Integers(ElementType.Int32, shape, 0, 2)]) { Attributes = attributes };
            }
        }
    }

    private static IEnumerable<OpCase> TopKs(Draw draw)
    {
        foreach (var largest in new[] { 0L, 1L })
        {
            var shape = draw.Shape(1, 3, mayBeEmpty: false);
            var axis = draw.Axis(shape.Length);
            var size = shape[axis < 0 ? axis + shape.Length : axis];
            var attributes = new Trainer.Ops.Attributes { ["axis"] = axis, ["largest"] = largest };
            yield return new OpCase("TopK", [draw.Floats(shape), HostTensor.Vector(draw.Between(0, size))]) { Attributes = attributes, Outputs = 2 };
            yield return new OpCase("TopK", [draw.Integers(ElementType.Float, shape, 0, 2), HostTensor.Vector(draw.Between(1, size))]) { Attributes = attributes, Outputs = 2, Smooth = false };
            yield return new OpCase("TopK", [draw.Integers(ElementType.Int64, [40], 0, 3), HostTensor.Vector(30L)]) { Attributes = new() { ["largest"] = largest }, Outputs = 2 };
        }
    }

    private static IEnumerable<OpCase> Sums(Draw draw)
    {
        foreach (var exclusive in new[] { 0L, 1L })
        {
            foreach (var reverse in new[] { 0L, 1L })
            {
                var shape = draw.Shape(1, 3);
                var axis = draw.Flip() ? HostTensor.Scalar((int)draw.Axis(shape.Length)) : HostTensor.Scalar(draw.Axis(shape.Length));
                var attributes = new Trainer.Ops.Attributes { ["exclusive"] = exclusive, ["reverse"] = reverse };
                yield return new OpCase("CumSum", [draw.Floats(shape), axis]) { Attributes = attributes };
                yield return new OpCase("CumSum", [draw.Integers(ElementType.Int32, shape, -5, 5), axis]) { Attributes = attributes };
            }
        }
    }

    private static IEnumerable<OpCase> Products(Draw draw)
    {
        foreach (var (a, b) in new (long[], long[])[] { ([2, 3], [3, 4]), ([5, 2, 3], [3, 4]), ([5, 1, 2, 3], [4, 3, 2]), ([3], [3]), ([3], [2, 3, 4]), ([2, 2, 3], [3]), ([0, 3], [3, 2]), ([2, 0], [0, 3]) })
            yield return new OpCase("MatMul", [draw.Floats(a), draw.Floats(b)]);
        yield return new OpCase("MatMul", [draw.Integers(ElementType.Int32, [2, 3], -4, 4), draw.Integers(ElementType.Int32, [3, 2], -4, 4)]);
        yield return new OpCase("MatMul", [draw.Floats([2, 3], type: ElementType.Double), draw.Floats([3, 4], type: ElementType.Double)]);
        foreach (var (transA, transB) in new[] { (0L, 0L), (1L, 0L), (0L, 1L), (1L, 1L) })
        {
            var attributes = new Trainer.Ops.Attributes { ["transA"] = transA, ["transB"] = transB, ["alpha"] = 0.5f, ["beta"] = 2f };
            var (a, b) = (draw.Floats(transA == 1 ? [3, 2] : [2, 3]), draw.Floats(transB == 1 ? [4, 3] : [3, 4]));
            yield return new OpCase("Gemm", [a, b, draw.Floats(draw.Of<long[]>([4], [2, 1], [2, 4], [1, 4], []))]) { Attributes = attributes };
            yield return new OpCase("Gemm", [a, b]) { Attributes = attributes };
        }
        foreach (var (equation, a, b) in new (string, long[], long[]?)[]
            { ("ij,jk->ik", [2, 3], [3, 4]), ("bij,bjk->bik", [2, 3, 2], [2, 2, 4]), ("ij->ji", [2, 3], null), ("ij->i", [2, 3], null), ("i,i", [4], [4]), ("...ij,...jk->...ik", [2, 3, 2], [2, 2, 4]), ("ij,j", [2, 3], [3]) })
            yield return new OpCase("Einsum", b is null ? [draw.Floats(a)] : [draw.Floats(a), draw.Floats(b)]) { Attributes = new() { ["equation"] = equation } };
    }
}
