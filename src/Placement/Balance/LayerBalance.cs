using System.Diagnostics;
using OnnxMoe.Artifacts.Placement;

namespace OnnxMoe.Placement.Balance;

/// <summary>Balances one layer and says how good the answer is: search, a counting bound, and where the layer is small the integer program.</summary>
/// <param name="engine">Engine of the program.</param>
/// <param name="options">Limits and seed.</param>
public sealed class LayerBalance(string engine, PlaceOptions options)
{
    const int Rounds = 40;
    const int CopyRounds = 12;

    /// <summary>One copy of each expert: GPU of each item of <paramref name="problem"/> [N].</summary>
    public (int[] GpuOf, SolveRecord Solve) Solve(BalanceProblem problem, string name, CancellationToken cancellation)
    {
        var watch = Stopwatch.StartNew();
        var bound = BalanceBound.Of(problem, double.PositiveInfinity);
        var gpuOf = BalanceSearch.Run(problem, Enough(bound), options.Seed, Rounds, cancellation);
        bound = BalanceBound.Of(problem, problem.Makespan(gpuOf));
        var by = "search";
        if (problem.Makespan(gpuOf) > bound && problem.Items * problem.Gpus <= BalanceProgram.MostVariables)
        {
            (gpuOf, bound) = BalanceProgram.Solve(problem, gpuOf, bound, engine, options, cancellation);
            by = engine;
        }
        return (gpuOf, Record(name, by, problem.Makespan(gpuOf), bound, watch));
    }

    /// <summary>
    /// With copies of hot experts, <paramref name="slots"/> items on each GPU: copies as many as make the largest share small, then
    /// a copy less of a cold expert and one more of an expert on the busiest GPU, as long as that helps.
    /// </summary>
    public (BalanceProblem Problem, int[] GpuOf, SolveRecord Solve) Replicate(IReadOnlyList<long> load, double[] speeds, int slots, string name, CancellationToken cancellation)
    {
        var watch = Stopwatch.StartNew();
        var bound = BalanceBound.WithCopies(load, speeds, slots * speeds.Length);
        var best = Pack(Replication.Greedy(load, slots * speeds.Length, speeds.Length));
        for (var round = 0; round < CopyRounds && best.Makespan > Enough(bound) && watch.Elapsed.TotalSeconds < options.ClusteringSeconds; round++)
        {
            if (Other(load, best.Problem, best.GpuOf, round) is not { } copies)
                break;
            if (Pack(copies) is var found && found.Makespan < best.Makespan)
                best = found;
        }
        return (best.Problem, best.GpuOf, Record(name, "search", best.Makespan, bound, watch));

        (BalanceProblem Problem, int[] GpuOf, double Makespan) Pack(int[] copies)
        {
            var problem = BalanceProblem.WithCopies(load, copies, speeds, slots);
            var gpuOf = BalanceSearch.Run(problem, Enough(bound), options.Seed, Rounds / 4, cancellation);
            return (problem, gpuOf, problem.Makespan(gpuOf));
        }
    }

    /// <summary>Other numbers of copies: one more for a heavy expert of the busiest GPU, one less for the expert whose copies have the least work.</summary>
    static int[]? Other(IReadOnlyList<long> load, BalanceProblem problem, int[] gpuOf, int round)
    {
        var copies = new int[load.Count];
        foreach (var expert in problem.Expert)
            copies[expert]++;
        var times = problem.Times(gpuOf);
        var busiest = Array.IndexOf(times, times.Max());
        int[] heavy = [.. problem.Order.Where(i => gpuOf[i] == busiest).Select(i => problem.Expert[i]).Distinct().Where(e => copies[e] < problem.Gpus)];
        int[] cold = [.. Enumerable.Range(0, load.Count).Where(e => copies[e] > 1).OrderBy(e => (double)load[e] / (copies[e] - 1))];
        if (heavy.Length == 0 || cold.Length == 0)
            return null;
        var (more, less) = (heavy[round % heavy.Length], cold[round / heavy.Length % cold.Length]);
        if (more == less)
            return null;
        copies[more]++;
        copies[less]--;
        return copies;
    }

    /// <summary>Search stops so near the bound: a fiftieth of the gap at which programs stop.</summary>
    double Enough(double bound) => bound * (1 + options.Gap / 50);

    SolveRecord Record(string name, string by, double makespan, double bound, Stopwatch watch)
    {
        var status = makespan <= bound * (1 + 1e-9) ? "optimal" : makespan - bound <= options.Gap * makespan ? "within gap" : "stopped";
        return new SolveRecord(name, by, status, makespan, Math.Min(makespan, bound), watch.Elapsed.TotalSeconds);
    }
}
