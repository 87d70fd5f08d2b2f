namespace OnnxMoe.Placement.Programs;

/// <summary>
/// Finds the smallest slack with which the memory equation of <see cref="AssignmentProblem"/> can be met: with clusters of any
/// size, the sums over all layers need not come out equal.
/// </summary>
sealed class MemoryProgram(string engine, PlaceOptions options)
{
    /// <summary>An assignment of smallest slack (null when none fits the GPUs' memory), starting from <paramref name="hint"/>.</summary>
    public int[][]? Solve(AssignmentProblem problem, int[][] hint, CancellationToken cancellation)
    {
        if (problem.Slack(hint) == 0)
            return hint;
        using var program = new IntegerProgram(engine, options.Threads, options.Seed);
        var y = AssignmentVariables.Make(program, problem, hint);
        var most = problem.Sizes.Sum(l => l.Max());
        var slack = program.Whole(0, most, Math.Min(most, problem.Slack(hint)));
        for (var g = 0; g < problem.Gpus; g++)
        {
            var sum = AssignmentVariables.Sum(y, problem, g);
            program.Row(double.NegativeInfinity, problem.Memory.Highest, [.. sum, (-1, slack)]);
            program.Row(problem.Memory.Lowest, double.PositiveInfinity, [.. sum, (1, slack)]);
            program.Row(0, problem.Memory.Capacity[g], sum);
        }
        var result = program.Minimize([(1, slack)], 0, TimeSpan.FromSeconds(options.AssignmentSeconds / 4), cancellation);
        var best = result.HasAnswer ? AssignmentVariables.Read(y, problem, result) : hint;
        return Fits(problem, best) ? best : null;
    }

    static bool Fits(AssignmentProblem problem, int[][] gpuOf) => problem.Sums(gpuOf).Zip(problem.Memory.Capacity).All(p => p.First <= p.Second);
}
