using System.Diagnostics;

namespace OnnxMoe.Placement.Programs;

/// <summary>
/// Iterated local search for <see cref="AssignmentProblem"/>: swaps of two clusters in one layer, and of two GPUs from one layer
/// on; then a few random swaps and again. The memory equation comes before the traffic.
/// </summary>
static class AssignmentSearch
{
    const int Rounds = 60;

    public static int[][] Run(AssignmentProblem problem, int[][] start, int seed, TimeSpan limit, CancellationToken cancellation)
    {
        var watch = Stopwatch.StartNew();
        var random = new Random(seed);
        var best = Copy(start);
        Descend(problem, best, cancellation);
        for (var round = 0; round < Rounds && watch.Elapsed < limit; round++)
        {
            var trial = Copy(best);
            for (var kick = 0; kick < 3 && problem.Gpus > 1; kick++)
                Swap(trial, random.Next(problem.Layers), random.Next(2) == 0, random.Next(problem.Gpus), random.Next(problem.Gpus));
            Descend(problem, trial, cancellation);
            if (Value(problem, trial).CompareTo(Value(problem, best)) <= 0)
                best = trial;
        }
        return best;
    }

    public static int[][] Identity(AssignmentProblem problem) => [.. problem.Sizes.Select(_ => Enumerable.Range(0, problem.Gpus).ToArray())];

    static (long Slack, long Objective) Value(AssignmentProblem problem, int[][] gpuOf) => (problem.Slack(gpuOf), problem.Objective(gpuOf));

    static void Descend(AssignmentProblem problem, int[][] gpuOf, CancellationToken cancellation)
    {
        var current = Value(problem, gpuOf);
        for (var improved = true; improved;)
        {
            improved = false;
            cancellation.ThrowIfCancellationRequested();
            for (var l = 0; l < problem.Layers; l++)
            {
                for (var a = 0; a < problem.Gpus; a++)
                {
                    for (var b = a + 1; b < problem.Gpus; b++)
                        improved |= Try(l, onward: false, a, b) || (l > 0 && Try(l, onward: true, a, b));
                }
            }
        }

        bool Try(int layer, bool onward, int a, int b)
        {
            var before = onward ? current.Objective : Near(layer);
            Swap(gpuOf, layer, onward, a, b);
            var objective = onward ? problem.Objective(gpuOf) : current.Objective - before + Near(layer);
            var value = (objective < current.Objective || current.Slack > 0) ? (problem.Slack(gpuOf), objective) : (long.MaxValue, objective);
            if (value.CompareTo(current) < 0)
            {
                current = value;
                return true;
            }
            Swap(gpuOf, layer, onward, a, b);
            return false;
        }

        long Near(int layer) => (layer > 0 ? problem.Busiest(gpuOf, layer - 1) : 0) + (layer < problem.Layers - 1 ? problem.Busiest(gpuOf, layer) : 0);
    }

    /// <summary>Exchanges GPUs a and b in a layer, or in it and all later ones; doing it twice undoes it.</summary>
    static void Swap(int[][] gpuOf, int layer, bool onward, int a, int b)
    {
        for (var l = layer; l < (onward ? gpuOf.Length : layer + 1); l++)
        {
            for (var c = 0; c < gpuOf[l].Length; c++)
                gpuOf[l][c] = gpuOf[l][c] == a ? b : gpuOf[l][c] == b ? a : gpuOf[l][c];
        }
    }

    static int[][] Copy(int[][] gpuOf) => [.. gpuOf.Select(l => l.ToArray())];
}
