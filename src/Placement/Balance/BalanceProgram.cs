using OnnxMoe.Placement.Programs;

namespace OnnxMoe.Placement.Balance;

/// <summary>
/// Minimise-the-maximum as an integer program, for layers that are small enough to be proved optimal: x[i, g] = item i is on GPU
/// g, and no GPU takes longer than z.
/// </summary>
static class BalanceProgram
{
    /// <summary>A program with more variables than this is not built.</summary>
    public const int MostVariables = 400;

    /// <summary>GPU of each item and a bound on the makespan; the hint where the engine finds none better.</summary>
    public static (int[] GpuOf, double Bound) Solve(BalanceProblem problem, int[] hint, double bound, string engine, PlaceOptions options, CancellationToken cancellation)
    {
        using var program = new IntegerProgram(engine, options.Threads, options.Seed);
        var (makespan, x) = (problem.Makespan(hint), new int[problem.Items, problem.Gpus]);
        // GPUs that are alike are interchangeable: the i-th heaviest item is on one of the first i + 1 of them.
        var alike = problem.EqualSpeeds && problem.Most.Distinct().Count() == 1;
        var start = alike ? Clustering.FirstOccurrence(hint, problem.Order, problem.Gpus) : hint;
        for (var rank = 0; rank < problem.Items; rank++)
        {
            for (var g = 0; g < problem.Gpus; g++)
                x[problem.Order[rank], g] = alike && g > rank ? -1 : program.Bool(start[problem.Order[rank]] == g);
        }
        var z = program.Real(bound, makespan, makespan);
        for (var i = 0; i < problem.Items; i++)
            program.Row(1, 1, [.. Enumerable.Range(0, problem.Gpus).Where(g => x[i, g] >= 0).Select(g => (1.0, x[i, g]))]);
        for (var g = 0; g < problem.Gpus; g++)
        {
            int[] items = [.. Enumerable.Range(0, problem.Items).Where(i => x[i, g] >= 0)];
            program.Row(problem.Fewest, problem.Most[g], [.. items.Select(i => (1.0, x[i, g]))]);
            program.Row(0, double.PositiveInfinity, [(1, z), .. items.Select(i => (-problem.Work[i] / problem.Speed[g], x[i, g]))]);
            foreach (var copies in items.GroupBy(i => problem.Expert[i]).Where(copies => copies.Count() > 1))
                program.Row(0, 1, [.. copies.Select(i => (1.0, x[i, g]))]);
        }
        var result = program.Minimize([(1, z)], 0, TimeSpan.FromSeconds(options.ClusteringSeconds), cancellation, whole: problem.EqualSpeeds && !problem.HasCopies && problem.Speed[0] == 1);
        var best = start;
        if (result.HasAnswer)
        {
            int[] found = [.. Enumerable.Range(0, problem.Items).Select(i => Enumerable.Range(0, problem.Gpus).First(g => x[i, g] >= 0 && result.Values[x[i, g]] > 0.5))];
            if (problem.Makespan(found) <= makespan)
                best = found;
        }
        return (best, Math.Max(bound, double.IsFinite(result.Bound) ? result.Bound : bound));
    }
}
