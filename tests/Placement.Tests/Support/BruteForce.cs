using OnnxMoe.Artifacts.Placement;
using OnnxMoe.Placement.Balance;
using OnnxMoe.Placement.Programs;
using OnnxMoe.Placement.Solvers;

namespace OnnxMoe.Placement.Tests.Support;

/// <summary>Tries everything: the reference for small instances.</summary>
static class BruteForce
{
    public static long Deviation(long[] load, int clusters, bool equalSizes)
    {
        var best = long.MaxValue;
        foreach (var clusterOf in Words(load.Length, clusters))
        {
            var sizes = Enumerable.Range(0, clusters).Select(c => clusterOf.Count(x => x == c)).ToArray();
            if (sizes.Min() > 0 && (!equalSizes || sizes.Distinct().Count() == 1))
                best = Math.Min(best, Clustering.Deviation(load, clusterOf, clusters));
        }
        return best;
    }

    /// <summary>Smallest slack, then smallest objective with it.</summary>
    public static (long Slack, long Objective) Assignment(AssignmentProblem problem)
    {
        var permutations = Words(problem.Gpus, problem.Gpus).Where(w => w.Distinct().Count() == w.Length).ToArray();
        var best = (long.MaxValue, long.MaxValue);
        foreach (var word in Words(problem.Layers, permutations.Length))
        {
            int[][] gpuOf = [.. word.Select(i => permutations[i])];
            var value = (problem.Slack(gpuOf), problem.Objective(gpuOf));
            best = value.CompareTo(best) < 0 ? value : best;
        }
        return best;
    }

    /// <summary>Smallest makespan; copies of an expert on different GPUs.</summary>
    public static double Makespan(BalanceProblem problem)
    {
        var best = double.PositiveInfinity;
        foreach (var gpuOf in Words(problem.Items, problem.Gpus))
        {
            var sizes = Enumerable.Range(0, problem.Gpus).Select(g => gpuOf.Count(x => x == g)).ToArray();
            if (sizes.Min() >= problem.Fewest && sizes.Zip(problem.Most).All(p => p.First <= p.Second)
                && Enumerable.Range(0, problem.Items).Select(i => (problem.Expert[i], gpuOf[i])).Distinct().Count() == problem.Items)
                best = Math.Min(best, problem.Makespan(gpuOf));
        }
        return best;
    }

    /// <summary>All numbers of copies of each expert, 1 to G, that make up the slots.</summary>
    public static IEnumerable<int[]> CopyCounts(int experts, int gpus, int slots) =>
        Words(experts, gpus).Select(word => word.Select(x => x + 1).ToArray()).Where(copies => copies.Sum() == slots);

    /// <summary>All plans with one copy of each expert, an expert at least on every GPU, that meet the memory equation.</summary>
    public static IEnumerable<PlacedLayer[]> Plans(PlacementProblem problem)
    {
        var experts = problem.Statistics.Layers[0].Experts;
        var layers = Words(experts, problem.Gpus).Where(word => word.Distinct().Count() == problem.Gpus).ToArray();
        foreach (var choice in Words(problem.Layers, layers.Length))
        {
            PlacedLayer[] plan = [.. choice.Select((i, l) => PlacementSolution.Layer(problem.Statistics.Layers[l].Layer, layers[i], problem.Gpus))];
            long[] held = [.. Enumerable.Range(0, problem.Gpus).Select(g => plan.Sum(layer => (long)layer.Devices[g].Count))];
            if (problem.Memory.Slack(held) == 0)
                yield return plan;
        }
    }

    static IEnumerable<int[]> Words(int length, int letters)
    {
        var word = new int[length];
        while (true)
        {
            yield return word.ToArray();
            var i = 0;
            while (i < length && ++word[i] == letters)
                word[i++] = 0;
            if (i == length)
                yield break;
        }
    }
}
