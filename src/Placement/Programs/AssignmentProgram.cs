using System.Diagnostics;
using OnnxMoe.Artifacts;
using OnnxMoe.Artifacts.Placement;

namespace OnnxMoe.Placement.Programs;

/// <summary>
/// MoETuner's second integer program (ILP 2). y is a permutation in each layer, so no product variable is needed: one row for
/// each (layer, cluster, GPU, cluster of the next layer) says what the busiest pair costs at least.
/// </summary>
public sealed class AssignmentProgram(string engine, PlaceOptions options)
{
    /// <summary>A program with more rows than this is not built; local search and the counting bound remain.</summary>
    public const long MostRows = 300_000;

    /// <summary>By how many experts the best start missed the memory equation, when a solve gave null; beyond a GPU's memory a miss counts a million times.</summary>
    public long NeededSlack { get; private set; }

    /// <summary>Assigns clusters to GPUs; null when no assignment fits the GPUs' memory or the allowed slack.</summary>
    public Assignment? Solve(AssignmentProblem problem, string name, CancellationToken cancellation) =>
        Start(problem, cancellation) is { } start ? Improve(problem, start, problem.Slack(start), name, cancellation) : null;

    /// <summary>The same by search and the counting bound alone.</summary>
    public Assignment? Search(AssignmentProblem problem, string name, CancellationToken cancellation)
    {
        var watch = Stopwatch.StartNew();
        if (Start(problem, cancellation) is not { } found)
            return null;
        var bound = Enumerable.Range(0, problem.Layers - 1).Sum(problem.Bound);
        return new Assignment(found, problem.Slack(found), Record(problem, name, "search", problem.Objective(found), bound, watch.Elapsed.TotalSeconds, ""));
    }

    int[][]? Start(AssignmentProblem problem, CancellationToken cancellation)
    {
        var limit = TimeSpan.FromSeconds(options.AssignmentSeconds);
        var start = AssignmentSearch.Run(problem, AssignmentSearch.Identity(problem), options.Seed, limit / 4, cancellation);
        if (problem.Slack(start) > 0)
        {
            NeededSlack = problem.Slack(start);
            if (new MemoryProgram(engine, options).Solve(problem, start, cancellation) is not { } balanced)
                return null;
            if (problem.Slack(balanced) < problem.Slack(start))
                start = AssignmentSearch.Run(problem, balanced, options.Seed, limit / 4, cancellation);
        }
        NeededSlack = problem.Slack(start);
        return options.MemorySlack >= 0 && NeededSlack > options.MemorySlack ? null : start;
    }

    Assignment Improve(AssignmentProblem problem, int[][] start, long slack, string name, CancellationToken cancellation)
    {
        var bounds = Enumerable.Range(0, problem.Layers - 1).Select(problem.Bound).ToArray();
        var objective = problem.Objective(start);
        long rows = (problem.Layers - 1L) * problem.Gpus * problem.Gpus * problem.Gpus;
        if (objective == bounds.Sum())
            return new Assignment(start, slack, Record(problem, name, engine, objective, bounds.Sum(), 0, "local search met the counting bound"));
        if (rows > MostRows)
            return new Assignment(start, slack, Record(problem, name, engine, objective, bounds.Sum(), 0, $"local search only: the program would have {rows:N0} rows"));
        var hint = problem.Uniform ? Renamed(start) : start;
        using var program = new IntegerProgram(engine, options.Threads, options.Seed);
        var y = AssignmentVariables.Make(program, problem, hint);
        var busiest = Rows(program, problem, y, hint, bounds, objective);
        for (var g = 0; g < problem.Gpus; g++)
            program.Row(Math.Max(0, problem.Memory.Lowest - slack), Math.Min(problem.Memory.Capacity[g], problem.Memory.Highest + slack), AssignmentVariables.Sum(y, problem, g));
        for (var c = 0; problem.Uniform && c < problem.Gpus; c++)
            program.Fix(y[0][c, hint[0][c]], 1); // renaming all GPUs changes nothing, so one naming is enough
        var result = program.Minimize(busiest.Select(m => (1.0, m)), options.Gap, TimeSpan.FromSeconds(options.AssignmentSeconds), cancellation);
        var best = hint;
        if (result.HasAnswer && AssignmentVariables.Read(y, problem, result) is var found && problem.Objective(found) <= objective)
            best = found;
        var value = problem.Objective(best);
        var proved = Math.Max(bounds.Sum(), double.IsFinite(result.Bound) ? result.Bound : 0);
        return new Assignment(best, slack, Record(problem, name, engine, value, proved, result.Seconds, value == objective ? "local search's hint was not improved" : ""));
    }

    /// <summary>
    /// m_l &gt;= bound + sum over g2 of (w - bound)+ y[c2, g2] - M (1 - y[c1, g1]): exact, as exactly one g2 holds c2. A term that
    /// would cost more than the known answer allows is forbidden instead.
    /// </summary>
    static int[] Rows(IntegerProgram program, AssignmentProblem problem, int[][,] y, int[][] hint, long[] bounds, long known)
    {
        var n = problem.Gpus;
        var busiest = new int[problem.Layers - 1];
        for (var l = 0; l < busiest.Length; l++)
        {
            var most = known - (bounds.Sum() - bounds[l]);
            busiest[l] = program.Whole(bounds[l], most, problem.Busiest(hint, l));
            for (var i = 0; i < n * n * n; i++)
            {
                var (c1, c2, g1) = (i / (n * n), i / n % n, i % n);
                var costs = Enumerable.Range(0, n).Select(g2 => problem.Traffic[l][c1, c2] * problem.Price[g1, g2]).ToArray();
                var forbidden = Enumerable.Range(0, n).Where(g2 => costs[g2] > most).Select(g2 => (1.0, y[l + 1][c2, g2])).ToArray();
                if (forbidden.Length > 0)
                    program.Row(0, 1, [(1, y[l][c1, g1]), .. forbidden]);
                var priced = Enumerable.Range(0, n).Where(g2 => costs[g2] > bounds[l] && costs[g2] <= most).ToArray();
                if (priced.Length == 0)
                    continue;
                var big = priced.Max(g2 => costs[g2]) - bounds[l];
                program.Row(bounds[l] - big, double.PositiveInfinity,
                    [(1, busiest[l]), (-big, y[l][c1, g1]), .. priced.Select(g2 => (-(double)(costs[g2] - bounds[l]), y[l + 1][c2, g2]))]);
            }
        }
        return busiest;
    }

    SolveRecord Record(AssignmentProblem problem, string name, string by, long objective, double bound, double seconds, string note)
    {
        var status = objective <= bound ? "optimal" : objective - bound <= options.Gap * objective ? "within gap" : "stopped";
        // In tokens on the fastest link.
        return new SolveRecord(name, by, status, objective / (double)problem.Scale, Math.Min(objective, bound) / problem.Scale, seconds) { Note = note };
    }

    static int[][] Renamed(int[][] gpuOf)
    {
        var name = new int[gpuOf[0].Length];
        for (var c = 0; c < name.Length; c++)
            name[gpuOf[0][c]] = c;
        return [.. gpuOf.Select(l => l.Select(g => name[g]).ToArray())];
    }

    /// <summary>The error of a method whose clusters cannot be assigned: which rule to relax, and by how much.</summary>
    /// <param name="method">Name of the method.</param>
    /// <param name="cluster">Name of the cluster.</param>
    public UserError Infeasible(string method, string cluster) => new(NeededSlack >= 1_000_000
        ? $"{method} finds no plan for '{cluster}' in which no GPU holds more than its memory: some GPU lacks room for {NeededSlack / 1_000_000} experts; reserve less (reservedGiB), add GPUs, or take copies away (Place:ExtraSlots)."
        : $"{method} finds no plan for '{cluster}' in which the GPUs' experts differ from the mean by at most {options.MemorySlack}; with Place:MemorySlack={NeededSlack} there is one (-1 takes what is needed).");
}
