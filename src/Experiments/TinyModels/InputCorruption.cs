using OnnxMoe.Trainer.Data;

namespace OnnxMoe.Experiments.TinyModels;

/// <summary>
/// Replaces a fraction of the input tokens. Which positions and by what depends on the seed and the place in the text alone, so
/// that all arms meet the same errors.
/// </summary>
/// <param name="fraction">Share of positions, 0 to 1.</param>
/// <param name="seed">Seed of positions and replacements.</param>
/// <param name="symbols">What a replaced token may become, one of them at random; a single one is a fixed symbol.</param>
public sealed class InputCorruption(double fraction, long seed, IReadOnlyList<long> symbols)
{
    /// <summary>Random letters, digits and punctuation of printable ASCII.</summary>
    public static InputCorruption RandomCharacters(double fraction, long seed) => new(fraction, seed, [.. Enumerable.Range(' ', '~' - ' ' + 1).Select(c => (long)c)]);

    /// <summary>The batch with replaced inputs and its own targets.</summary>
    /// <param name="batch">Consecutive windows of the text.</param>
    /// <param name="firstWindow">Number of the first.</param>
    public TokenBatch Apply(TokenBatch batch, long firstWindow)
    {
        var inputs = batch.Inputs.ToArray();
        for (var i = 0; i < inputs.Length; i++)
        {
            var place = firstWindow * batch.Length + i;
            if (StatelessRandom.Next(seed, place, 0) < fraction * ulong.MaxValue)
                inputs[i] = symbols[(int)(StatelessRandom.Next(seed, place, 1) % (ulong)symbols.Count)];
        }
        return batch with { Inputs = inputs };
    }
}
