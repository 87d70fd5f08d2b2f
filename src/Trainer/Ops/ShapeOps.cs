namespace OnnxMoe.Trainer.Ops;

/// <summary>Operations that move elements without changing them.</summary>
public static class ShapeOps
{
    /// <summary>0 copies the input's size of that dimension, one -1 is inferred.</summary>
    public static Value Reshape(this Value x, params long[] shape) => x.Reshape(x.Ops.Ints(shape));

    public static Value Reshape(this Value x, Value shape) => x.Binary("Reshape", shape);

    public static Value Transpose(this Value x, params long[] permutation) =>
        x.Ops.Apply("Transpose", [x], new() { ["perm"] = permutation })[0];

    public static Value Squeeze(this Value x, params long[] axes) => x.Binary("Squeeze", x.Ops.Ints(axes));

    public static Value Unsqueeze(this Value x, params long[] axes) => x.Binary("Unsqueeze", x.Ops.Ints(axes));

    /// <summary>The shape as a one-dimensional int64 tensor.</summary>
    public static Value Shape(this Value x) => x.Unary("Shape");

    /// <summary>The size of one dimension as an int64 tensor of shape [1].</summary>
    public static Value Size(this Value x, long dimension) =>
        x.Ops.Apply("Shape", [x], dimension == -1
            ? new() { ["start"] = -1L }
            : new() { ["start"] = dimension, ["end"] = dimension + 1 })[0];

    public static Value Expand(this Value x, Value shape) => x.Binary("Expand", shape);

    public static Value Tile(this Value x, Value repeats) => x.Binary("Tile", repeats);

    public static Value Concat(this IReadOnlyList<Value> parts, long axis) =>
        parts.Count == 1 ? parts[0] : parts[0].Ops.Apply("Concat", [.. parts], new() { ["axis"] = axis })[0];

    /// <summary>Cuts along <paramref name="axis"/> into parts of the given sizes.</summary>
    public static Value[] Split(this Value x, long axis, params long[] sizes) =>
        x.Ops.Apply("Split", [x, x.Ops.Ints(sizes)], new() { ["axis"] = axis }, sizes.Length);

    public static Value Slice(this Value x, Value starts, Value ends, Value axes, Value? steps = null) =>
        x.Ops.Apply("Slice", steps is null ? [x, starts, ends, axes] : [x, starts, ends, axes, steps])[0];

    /// <summary>Elements <paramref name="start"/> (included) to <paramref name="end"/> (excluded) of one axis; negative positions count from the end.</summary>
    public static Value Slice(this Value x, long axis, long start, long end) =>
        x.Slice(x.Ops.Ints(start), x.Ops.Ints(end), x.Ops.Ints(axis));

    public static Value Gather(this Value x, Value indices, long axis = 0) =>
        x.Ops.Apply("Gather", [x, indices], new() { ["axis"] = axis })[0];

    public static Value GatherElements(this Value x, Value indices, long axis) =>
        x.Ops.Apply("GatherElements", [x, indices], new() { ["axis"] = axis })[0];

    public static Value GatherND(this Value x, Value indices) => x.Binary("GatherND", indices);

    /// <param name="reduction">"none", "add" or "mul".</param>
    public static Value ScatterElements(this Value x, Value indices, Value updates, long axis, string reduction = "none") =>
        x.Ops.Apply("ScatterElements", [x, indices, updates], new() { ["axis"] = axis, ["reduction"] = reduction })[0];

    /// <param name="reduction">"none", "add" or "mul".</param>
    public static Value ScatterND(this Value x, Value indices, Value updates, string reduction = "none") =>
        x.Ops.Apply("ScatterND", [x, indices, updates], new() { ["reduction"] = reduction })[0];

    /// <summary>Indices of the true elements, as [rank, count].</summary>
    public static Value NonZero(this Value x) => x.Unary("NonZero");

    /// <summary>Indices -depth..depth-1 become rows with one 1.</summary>
    public static Value OneHot(this Value indices, Value depth, Value offAndOn, long axis = -1) =>
        indices.Ops.Apply("OneHot", [indices, depth, offAndOn], new() { ["axis"] = axis })[0];

    /// <summary>start, start + step, ... below limit; all three without dimensions.</summary>
    public static Value Range(this Value start, Value limit, Value step) => start.Ops.Apply("Range", [start, limit, step])[0];

    /// <summary>Upper (or lower) triangle of the last two dimensions; <paramref name="diagonal"/> is a scalar.</summary>
    public static Value Trilu(this Value x, Value? diagonal = null, bool upper = true) =>
        x.Ops.Apply("Trilu", diagonal is null ? [x] : [x, diagonal], new() { ["upper"] = upper ? 1L : 0L })[0];

    public static Value Pad(this Value x, Value pads, Value? value = null, string mode = "constant") =>
        x.Ops.Apply("Pad", value is null ? [x, pads] : [x, pads, value], new() { ["mode"] = mode })[0];
}
