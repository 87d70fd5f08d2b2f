using System.Diagnostics;

namespace OnnxMoe.Placement.Programs;

/// <summary>
/// Large-neighbourhood search for <see cref="AssignmentProblem"/>: with all other layers fixed, one layer is solved exactly
/// (<see cref="LayerAssignment"/>), layer after layer until none improves; on few GPUs two of them also change names from one layer
/// on. Then a few random swaps and again. The memory equation comes before the traffic.
/// </summary>
static class AssignmentSearch
{
    const int Rounds = 60;
    const int MostGpusToRename = 16;

    public static int[][] Run(AssignmentProblem problem, int[][] start, int seed, TimeSpan limit, CancellationToken cancellation)
    {
        var watch = Stopwatch.StartNew();
        var random = new Random(seed);
        var best = Copy(start);
        Level(problem, best);
        Descend(problem, best, watch, limit, cancellation);
        for (var round = 0; round < Rounds && watch.Elapsed < limit; round++)
        {
            var trial = Copy(best);
            for (var kick = 0; kick < 3; kick++)
                Swap(problem, trial, random.Next(problem.Layers), random.Next(2) == 0, random.Next(problem.Gpus), random.Next(problem.Gpus));
            Level(problem, trial);
            Descend(problem, trial, watch, limit, cancellation);
            if (Value(problem, trial).CompareTo(Value(problem, best)) <= 0)
                best = trial;
        }
        return best;
    }

    public static int[][] Identity(AssignmentProblem problem) => [.. problem.Sizes.Select(_ => Enumerable.Range(0, problem.Gpus).ToArray())];

    static (long Slack, long Objective) Value(AssignmentProblem problem, int[][] gpuOf) => (problem.Slack(gpuOf), problem.Objective(gpuOf));

    /// <summary>Meets the memory equation as nearly as exchanges between the fullest GPU and emptier ones can.</summary>
    static void Level(AssignmentProblem problem, int[][] gpuOf)
    {
        var sums = problem.Sums(gpuOf);
        while (problem.Slack(sums) > 0 && LevelOnce())
        {
        }

        bool LevelOnce()
        {
            foreach (var full in Enumerable.Range(0, problem.Gpus).OrderByDescending(g => sums[g]))
            {
                foreach (var empty in Enumerable.Range(0, problem.Gpus).Where(g => sums[g] < sums[full] - 1 && problem.MayHold(full, g)).OrderBy(g => sums[g]))
                {
                    if (Exchange(full, empty, sums[full] - sums[empty]))
                        return true;
                }
            }
            return false;
        }

        bool Exchange(int full, int empty, long difference)
        {
            var (best, layer) = (difference, -1);
            for (var l = 0; l < problem.Layers; l++)
            {
                var moved = problem.Sizes[l][Array.IndexOf(gpuOf[l], full)] - problem.Sizes[l][Array.IndexOf(gpuOf[l], empty)];
                if (moved > 0 && Math.Abs(difference - 2 * moved) < best)
                    (best, layer) = (Math.Abs(difference - 2 * moved), l);
            }
            if (layer < 0)
                return false;
            Swap(problem, gpuOf, layer, onward: false, full, empty);
            var after = problem.Sums(gpuOf);
            (sums[full], sums[empty]) = (after[full], after[empty]);
            return true;
        }
    }

    static void Descend(AssignmentProblem problem, int[][] gpuOf, Stopwatch watch, TimeSpan limit, CancellationToken cancellation)
    {
        for (var improved = true; improved;)
        {
            improved = false;
            for (var l = 0; l < problem.Layers; l++)
            {
                cancellation.ThrowIfCancellationRequested();
                if (watch.Elapsed > limit)
                    return;
                improved |= LayerAssignment.Improve(problem, gpuOf, l);
            }
            if (problem.Gpus <= MostGpusToRename)
                improved |= Rename(problem, gpuOf);
        }
    }

    static bool Rename(AssignmentProblem problem, int[][] gpuOf)
    {
        var (improved, current) = (false, Value(problem, gpuOf));
        for (var l = 1; l < problem.Layers; l++)
        {
            for (var a = 0; a < problem.Gpus; a++)
            {
                for (var b = a + 1; b < problem.Gpus; b++)
                {
                    Swap(problem, gpuOf, l, onward: true, a, b);
                    if (Value(problem, gpuOf) is var value && value.CompareTo(current) < 0)
                        (improved, current) = (true, value);
                    else
                        Swap(problem, gpuOf, l, onward: true, a, b);
                }
            }
        }
        return improved;
    }

    /// <summary>Exchanges GPUs a and b in a layer, or in it and all later ones; doing it twice undoes it. GPUs of different speed stay.</summary>
    static void Swap(AssignmentProblem problem, int[][] gpuOf, int layer, bool onward, int a, int b)
    {
        if (!problem.MayHold(a, b))
            return;
        for (var l = layer; l < (onward ? gpuOf.Length : layer + 1); l++)
        {
            for (var c = 0; c < gpuOf[l].Length; c++)
                gpuOf[l][c] = gpuOf[l][c] == a ? b : gpuOf[l][c] == b ? a : gpuOf[l][c];
        }
    }

    static int[][] Copy(int[][] gpuOf) => [.. gpuOf.Select(l => l.ToArray())];
}
