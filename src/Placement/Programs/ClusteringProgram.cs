using OnnxMoe.Artifacts.Placement;

namespace OnnxMoe.Placement.Programs;

/// <summary>
/// MoETuner's first integer program (arXiv 2502.06643, ILP 1), one layer at a time: experts to clusters with equal token load.
/// The printed program leaves out that each expert is in exactly one cluster; it is added here.
/// </summary>
public sealed class ClusteringProgram(string engine, PlaceOptions options)
{
    /// <summary>A program with more variables than this is not built; search and the counting bound remain.</summary>
    public const long MostVariables = 2_000;

    /// <summary>Divides the experts of a layer.</summary>
    /// <param name="load">P, tokens of each expert [E].</param>
    /// <param name="clusters">G; at most E.</param>
    /// <param name="equalSizes">Whether every cluster has E/G experts (G must divide E) or any number from 1 up.</param>
    /// <param name="name">Name in the record.</param>
    /// <param name="cancellation">Stops the work.</param>
    public Clustering Solve(IReadOnlyList<long> load, int clusters, bool equalSizes, string name, CancellationToken cancellation)
    {
        var bound = Clustering.DeviationBound(load, clusters);
        var order = Enumerable.Range(0, load.Count).OrderByDescending(e => load[e]).ToArray();
        var isLarge = (long)load.Count * clusters > MostVariables;
        var found = isLarge ? Balance.BalanceSearch.Run(Balance.BalanceProblem.Of(load, [.. Enumerable.Repeat(1.0, clusters)], equalSizes), 0, options.Seed, 4, cancellation)
            : ClusteringSearch.Run(load, clusters, equalSizes, options.Seed);
        var hint = Clustering.FirstOccurrence(found, order, clusters);
        if (isLarge || Clustering.Deviation(load, hint, clusters) <= bound)
            return Recorded(load, clusters, hint, bound, "search", 0, name);
        using var program = new IntegerProgram(engine, options.Threads, options.Seed);
        var x = Variables(program, order, hint, clusters);
        var total = load.Sum();
        var deviations = new int[clusters];
        for (var c = 0; c < clusters; c++)
        {
            var members = order.Where(e => x[e, c] >= 0).Select(e => (1.0, x[e, c])).ToArray();
            program.Row(equalSizes ? load.Count / clusters : 1, equalSizes ? load.Count / clusters : load.Count, members);
            deviations[c] = program.Whole(0, clusters * (double)total, Math.Abs(clusters * Clustering.Loads(load, hint, clusters)[c] - total));
            var terms = order.Where(e => x[e, c] >= 0).Select(e => ((double)clusters * load[e], x[e, c])).ToArray();
            program.Row(-total, double.PositiveInfinity, [(1, deviations[c]), .. terms.Select(t => (-t.Item1, t.Item2))]); // d >= G T - sum P
            program.Row(total, double.PositiveInfinity, [(1, deviations[c]), .. terms]);                                 // d >= sum P - G T
        }
        program.Row(bound, double.PositiveInfinity, [.. deviations.Select(d => (1.0, d))]);
        var result = program.Minimize(deviations.Select(d => (1.0, d)), options.Gap, TimeSpan.FromSeconds(options.ClusteringSeconds), cancellation);
        return Better(load, clusters, hint, result, x, bound, name);
    }

    /// <summary>Variables x[e, c]; -1 where the order of the clusters (by their heaviest expert) rules the pair out.</summary>
    static int[,] Variables(IntegerProgram program, int[] order, int[] hint, int clusters)
    {
        var x = new int[order.Length, clusters];
        for (var i = 0; i < order.Length; i++)
        {
            var terms = new List<(double, int)>();
            for (var c = 0; c < clusters; c++)
            {
                // Clusters are interchangeable: the i-th heaviest expert can only be in one of the first i + 1.
                x[order[i], c] = c > i ? -1 : program.Bool(hint[order[i]] == c);
                if (c <= i)
                    terms.Add((1, x[order[i], c]));
            }
            program.Row(1, 1, [.. terms]);
        }
        return x;
    }

    Clustering Better(IReadOnlyList<long> load, int clusters, int[] hint, ProgramResult result, int[,] x, long bound, string name)
    {
        var best = hint;
        if (result.HasAnswer)
        {
            var found = Enumerable.Range(0, load.Count).Select(e => Enumerable.Range(0, clusters).First(c => x[e, c] >= 0 && result.Values[x[e, c]] > 0.5)).ToArray();
            if (Clustering.Deviation(load, found, clusters) <= Clustering.Deviation(load, hint, clusters))
                best = found;
        }
        return Recorded(load, clusters, best, Math.Max(bound, double.IsFinite(result.Bound) ? result.Bound : bound), engine, result.Seconds, name);
    }

    Clustering Recorded(IReadOnlyList<long> load, int clusters, int[] best, double bound, string by, double seconds, string name)
    {
        var objective = Clustering.Deviation(load, best, clusters);
        var proved = Math.Min(objective, bound);
        var status = objective <= proved ? "optimal" : objective - proved <= options.Gap * objective ? "within gap" : "stopped";
        // In tokens, as the paper's O1: the program counted G times that.
        return new Clustering(best, new SolveRecord(name, by, status, objective / (double)clusters, proved / clusters, seconds));
    }
}
