namespace OnnxMoe.Trainer.Data;

/// <summary>Sequences of feature vectors, all of one length, with a class each: what a classifier learns from.</summary>
/// <param name="Features">[N, S, F], row by row.</param>
/// <param name="Labels">[N], 0 to Classes - 1.</param>
/// <param name="Length">S.</param>
/// <param name="Width">F.</param>
/// <param name="Classes">Number of classes.</param>
public sealed record LabeledSequences(float[] Features, long[] Labels, int Length, int Width, int Classes)
{
    /// <summary>N.</summary>
    public int Count => Labels.Length;

    /// <summary>The sequences of those numbers, in that order; a number may come several times.</summary>
    public LabeledSequences Take(IReadOnlyList<int> numbers)
    {
        var size = Length * Width;
        var features = new float[numbers.Count * size];
        for (var i = 0; i < numbers.Count; i++)
            Features.AsSpan(numbers[i] * size, size).CopyTo(features.AsSpan(i * size));
        return this with { Features = features, Labels = [.. numbers.Select(number => Labels[number])] };
    }

    /// <summary>Sequences at random, a pure function of seed, step and part.</summary>
    public LabeledSequences Batch(long seed, long step, long part, int size) =>
        Take([.. Enumerable.Range(0, size).Select(i => (int)(StatelessRandom.Next(seed, step, part, i) % (ulong)Count))]);

    /// <summary>All sequences in their order, in batches of at most <paramref name="size"/>.</summary>
    public IEnumerable<LabeledSequences> Batches(int size) => Enumerable.Range(0, Count).Chunk(size).Select(numbers => Take(numbers));
}
