namespace OnnxMoe.Trainer.Ops;

/// <summary>
/// The part of a weight that an architecture of a supernet uses: in each dimension one or several ranges of elements, put one after the other.
/// </summary>
/// <param name="Dimensions">For each dimension its ranges, end excluded.</param>
public sealed record WeightPart(params IReadOnlyList<IReadOnlyList<(long Start, long End)>> Dimensions)
{
    /// <summary>The first elements of each dimension.</summary>
    public static WeightPart Leading(params IReadOnlyList<long> sizes) => new([.. sizes.Select(size => (IReadOnlyList<(long, long)>)[(0, size)])]);

    /// <summary>Sizes of the part.</summary>
    public long[] Shape => [.. Dimensions.Select(Size)];

    /// <summary>Cuts it out of the whole weight, of a shape that is given.</summary>
    public Value Of(Value whole, long[] shape)
    {
        for (var dimension = 0; dimension < Dimensions.Count; dimension++)
        {
            var ranges = Dimensions[dimension];
            if (Size(ranges) == shape[dimension])
                continue;
            var (from, axis) = (whole, dimension);
            whole = ranges.Select(range => from.Slice(axis, range.Start, range.End)).ToArray().Concat(axis);
        }
        return whole;
    }

    /// <summary>Positions of its elements in the whole weight of a shape, both row by row.</summary>
    public long[] Positions(long[] shape)
    {
        long[] positions = [0];
        for (var dimension = 0; dimension < shape.Length; dimension++)
        {
            var (before, size) = (positions, shape[dimension]);
            long[] kept = [.. Dimensions[dimension].SelectMany(range => Enumerable.Range((int)range.Start, (int)(range.End - range.Start)).Select(i => (long)i))];
            positions = [.. before.SelectMany(position => kept.Select(i => (position * size) + i))];
        }
        return positions;
    }

    private static long Size(IReadOnlyList<(long Start, long End)> ranges) => ranges.Sum(range => range.End - range.Start);
}
