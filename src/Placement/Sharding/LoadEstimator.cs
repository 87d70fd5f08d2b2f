using OnnxMoe.Artifacts;

namespace OnnxMoe.Placement.Sharding;

/// <summary>
/// Expects of the coming iteration what the last ones had: the mean tokens of each expert over a window. It is told an iteration's counts
/// only after that iteration, as no plan can wait for its gate.
/// </summary>
public sealed class LoadEstimator
{
    readonly int _window;
    readonly Queue<IReadOnlyList<IReadOnlyList<long>>> _past = [];
    readonly double[][] _sums;

    /// <param name="window">How many past iterations count; 5 in the paper.</param>
    /// <param name="layers">L.</param>
    /// <param name="experts">E.</param>
    /// <exception cref="UserError">The window is not positive.</exception>
    public LoadEstimator(int window, int layers, int experts)
    {
        _window = window > 0 ? window : throw new UserError($"The window of the load estimate is {window} iterations; at least 1 is right.");
        _sums = [.. Enumerable.Range(0, layers).Select(_ => new double[experts])];
    }

    /// <summary>Mean tokens of each expert [L][E]; null before the first iteration.</summary>
    public IReadOnlyList<double[]>? Estimate => _past.Count == 0 ? null : [.. _sums.Select(layer => layer.Select(sum => sum / _past.Count).ToArray())];

    /// <summary>Takes the counts of an iteration that is over.</summary>
    /// <param name="counts">Tokens of each expert [L][E].</param>
    public void Add(IReadOnlyList<IReadOnlyList<long>> counts)
    {
        _past.Enqueue(counts);
        Count(counts, 1);
        if (_past.Count > _window)
            Count(_past.Dequeue(), -1);
    }

    void Count(IReadOnlyList<IReadOnlyList<long>> counts, int sign)
    {
        for (var l = 0; l < _sums.Length; l++)
        {
            for (var e = 0; e < _sums[l].Length; e++)
                _sums[l][e] += sign * counts[l][e];
        }
    }
}
