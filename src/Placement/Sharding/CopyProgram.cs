using OnnxMoe.Artifacts.Placement;
using OnnxMoe.Placement.Programs;

namespace OnnxMoe.Placement.Sharding;

/// <summary>
/// What no choice of copies can beat in one layer: the least tokens of the busiest device, over all placements with at most m copies on a
/// device and t experts copied, and over all ways to split an expert's tokens among its copies. An integer program; for small layers.
/// </summary>
/// <param name="engine">Of the integer program.</param>
/// <param name="threads">Of the engine.</param>
/// <param name="seed">Of the engine.</param>
/// <param name="limit">When to stop with a bound only.</param>
public sealed class CopyProgram(string engine, int threads, int seed, TimeSpan limit)
{
    /// <summary>Solves one layer; <see cref="ProgramResult.Objective"/> is the answer, <see cref="ProgramResult.Bound"/> what is proved.</summary>
    /// <param name="owned">Each expert on its owner, where it stays.</param>
    /// <param name="counts">Tokens of each expert [E], known beforehand.</param>
    /// <param name="overlap">t.</param>
    /// <param name="copies">m.</param>
    /// <param name="placed">Copies that are decided already, so that only the tokens are split; null: the best ones are found.</param>
    /// <param name="start">An answer to this layer to begin with.</param>
    /// <param name="cancellation">Stops the engine.</param>
    public ProgramResult Solve(PlacedLayer owned, IReadOnlyList<long> counts, int overlap, int copies, PlacedLayer? placed = null, ProgramResult? start = null, CancellationToken cancellation = default)
    {
        var (owners, devices) = (ExpertShards.Owners(owned), owned.Devices.Count);
        using var program = new IntegerProgram(engine, threads, seed);
        var variable = 0; // both programs number their variables alike
        double Hint(double otherwise) => start is { HasAnswer: true } ? start.Values[variable++] : otherwise;
        var most = owned.Devices.Max(held => held.Sum(e => counts[e]));
        var peak = program.Whole((counts.Sum() + devices - 1) / devices, most, Hint(most));
        var copied = Enumerable.Range(0, counts.Count).Select(_ => program.Bool(Hint(0) > 0)).ToArray();
        var held = new int[devices, counts.Count];
        var tokens = new int[devices, counts.Count];
        for (var e = 0; e < counts.Count; e++)
        {
            for (var d = 0; d < devices; d++)
            {
                tokens[d, e] = program.Whole(0, counts[e], Hint(d == owners[e] ? counts[e] : 0));
                if (d == owners[e])
                    continue;
                held[d, e] = program.Bool(Hint(0) > 0);
                if (placed is not null)
                    program.Fix(held[d, e], placed.Devices[d].Contains(e) ? 1 : 0);
                program.Row(double.NegativeInfinity, 0, (1, tokens[d, e]), (-counts[e], held[d, e]));
                program.Row(double.NegativeInfinity, 0, (1, held[d, e]), (-1, copied[e]));
            }
            program.Row(counts[e], counts[e], [.. Enumerable.Range(0, devices).Select(d => (1.0, tokens[d, e]))]);
        }
        program.Row(0, overlap, [.. copied.Select(c => (1.0, c))]);
        for (var d = 0; d < devices; d++)
        {
            program.Row(0, copies, [.. Enumerable.Range(0, counts.Count).Where(e => owners[e] != d).Select(e => (1.0, held[d, e]))]);
            program.Row(double.NegativeInfinity, 0, [(-1, peak), .. Enumerable.Range(0, counts.Count).Select(e => (1.0, tokens[d, e]))]);
        }
        return program.Minimize([(1, peak)], 0, limit, cancellation);
    }
}
