namespace OnnxMoe.Placement.Programs;

/// <summary>y[l][c, g] = cluster c of layer l is on GPU g, one to one in each layer.</summary>
static class AssignmentVariables
{
    public static int[][,] Make(IntegerProgram program, AssignmentProblem problem, int[][] hint)
    {
        var n = problem.Gpus;
        var y = new int[problem.Layers][,];
        for (var l = 0; l < y.Length; l++)
        {
            y[l] = new int[n, n];
            for (var c = 0; c < n; c++)
            {
                for (var g = 0; g < n; g++)
                {
                    y[l][c, g] = program.Bool(hint[l][c] == g);
                    if (!problem.MayHold(c, g))
                        program.Fix(y[l][c, g], 0);
                }
            }
            for (var i = 0; i < n; i++)
            {
                program.Row(1, 1, [.. Enumerable.Range(0, n).Select(g => (1.0, y[l][i, g]))]);
                program.Row(1, 1, [.. Enumerable.Range(0, n).Select(c => (1.0, y[l][c, i]))]);
            }
        }
        return y;
    }

    /// <summary>Terms of the experts of all layers on GPU g.</summary>
    public static (double, int)[] Sum(int[][,] y, AssignmentProblem problem, int gpu) =>
        [.. from l in Enumerable.Range(0, problem.Layers) from c in Enumerable.Range(0, problem.Gpus) select ((double)problem.Sizes[l][c], y[l][c, gpu])];

    public static int[][] Read(int[][,] y, AssignmentProblem problem, ProgramResult result) =>
        [.. y.Select(layer => Enumerable.Range(0, problem.Gpus).Select(c => Enumerable.Range(0, problem.Gpus).First(g => result.Values[layer[c, g]] > 0.5)).ToArray())];
}
