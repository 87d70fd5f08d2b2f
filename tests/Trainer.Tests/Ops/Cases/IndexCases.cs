using OnnxMoe.Artifacts.Tensors;

namespace OnnxMoe.Trainer.Tests.Ops.Cases;

/// <summary>Reading and writing at computed positions.</summary>
internal static class IndexCases
{
    public static IEnumerable<OpCase> All(Draw draw)
    {
        for (var i = 0; i < 4; i++)
        {
            var shape = draw.Shape(1, 4, mayBeEmpty: false);
            var axis = draw.Axis(shape.Length);
            var size = shape[axis < 0 ? axis + shape.Length : axis];
            var index = draw.Integers(draw.Of(ElementType.Int32, ElementType.Int64), draw.Shape(0, 2), -size, size - 1);
            yield return new OpCase("Gather", [draw.Floats(shape), index]) { Attributes = new() { ["axis"] = axis } };
            yield return new OpCase("Gather", [draw.Integers(ElementType.Int64, shape, 0, 9), index]) { Attributes = new() { ["axis"] = axis } };

            var smaller = (long[])shape.Clone();
            smaller[axis < 0 ? axis + shape.Length : axis] = draw.Between(1, 3);
            var elements = draw.Integers(ElementType.Int64, smaller, -size, size - 1);
            yield return new OpCase("GatherElements", [draw.Floats(shape), elements]) { Attributes = new() { ["axis"] = axis } };
            foreach (var reduction in new[] { "add", "mul" })
                yield return new OpCase("ScatterElements", [draw.Floats(shape), elements, draw.Floats(smaller)]) { Attributes = new() { ["axis"] = axis, ["reduction"] = reduction } };
            yield return new OpCase("ScatterElements", [draw.Floats(shape), Distinct(draw, shape, axis), draw.Floats(shape)]) { Attributes = new() { ["axis"] = axis } };

            var batch = draw.Below(shape.Length);
            var depth = 1 + draw.Below(shape.Length - batch);
            yield return new OpCase("GatherND", [draw.Floats(shape), Tuples(draw, shape, [.. shape[..batch], 3], batch, depth)]) { Attributes = new() { ["batch_dims"] = (long)batch } };
        }
        foreach (var reduction in new[] { "none", "add", "mul" })
        {
            var rows = reduction == "none" ? HostTensor.From<long>([2, -4], 2, 1) : HostTensor.From<long>([2, -2, 0], 3, 1);
            yield return new OpCase("ScatterND", [draw.Floats([4, 3]), rows, draw.Floats([rows.Shape[0], 3])]) { Attributes = new() { ["reduction"] = reduction } };
        }
        yield return new OpCase("ScatterND", [draw.Floats([2, 3, 2]), HostTensor.From<long>([0, 1, 1, 2], 2, 2), draw.Floats([2, 2])]);
        yield return new OpCase("ScatterND", [draw.Floats([4, 3]), HostTensor.From(Array.Empty<long>(), 0, 1), draw.Floats([0, 3])]);
        yield return new OpCase("ScatterND", [draw.Floats([4, 3]), HostTensor.From<long>([1, 2], 1, 2), draw.Floats([1])]) { Attributes = new() { ["reduction"] = "add" } };
    }

    /// <summary>Indices of the whole shape that are a permutation along the axis: no two updates meet.</summary>
    private static HostTensor Distinct(Draw draw, long[] shape, long axis)
    {
        var place = (int)(axis < 0 ? axis + shape.Length : axis);
        var order = draw.Permutation((int)shape[place]);
        var stride = Draw.Count(shape[(place + 1)..]);
        var values = new double[Draw.Count(shape)];
        for (var i = 0; i < values.Length; i++)
            values[i] = order[i / stride % shape[place]];
        return Draw.Numbers(ElementType.Int64, shape, values);
    }

    private static HostTensor Tuples(Draw draw, long[] shape, long[] leading, int batch, int depth)
    {
        var values = new double[Draw.Count(leading) * depth];
        for (var i = 0; i < values.Length; i++)
        {
            var size = shape[batch + i % depth];
            values[i] = draw.Between(-size, size - 1);
        }
        return Draw.Numbers(ElementType.Int64, [.. leading, depth], values);
    }
}
