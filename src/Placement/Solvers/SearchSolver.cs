using System.Diagnostics;
using OnnxMoe.Artifacts.Placement;
using OnnxMoe.Placement.Costs;
using OnnxMoe.Placement.Search;

namespace OnnxMoe.Placement.Solvers;

/// <summary>
/// Searches for the weighted objective of <see cref="PlaceOptions.Objective"/> (<see cref="PlanSearch"/>), from the balanced plan; or,
/// where there is a running plan, from that, moving no more than allowed.
/// </summary>
public sealed class SearchSolver(string engine, PlaceOptions options) : IPlacementSolver
{
    const long StepsAnExpert = 3000;

    public string Name => "search";

    public PlacementSolution Solve(PlacementProblem problem, CancellationToken cancellation)
    {
        var watch = Stopwatch.StartNew();
        var objective = new WeightedObjective(problem, options);
        var start = objective.Running ?? new BalancedSolver(replicated: false, engine, options).Solve(problem, cancellation).Layers;
        var state = objective.State(start);
        var before = objective.Value(state.Terms());
        var moved = objective.Running is null ? null : new MovedBytes([.. state.GpuOf.Select(l => l.ToArray())], problem.Sizes.ExpertBytes, objective.MostMovedBytes);
        var curve = new List<(double, double)>();
        new PlanSearch(problem, state, objective.Value, moved).Run(options.Seed, StepsAnExpert * problem.Statistics.Layers.Sum(l => (long)l.Experts),
            TimeSpan.FromSeconds(options.SearchSeconds), cancellation, (seconds, value) => curve.Add((seconds, value)));
        var after = objective.Value(state.Terms());
        return new PlacementSolution(Name, after <= before ? state.Layers : start, [Record(options, "search", Math.Min(after, before), objective.Bound, watch.Elapsed.TotalSeconds)])
        {
            Convergence = curve,
            Notes = moved is null ? [] : [Moved(problem, moved, before, Math.Min(after, before), objective.Bound)],
        };
    }

    /// <summary>What is known about a value of the objective.</summary>
    internal static SolveRecord Record(PlaceOptions options, string by, double value, double bound, double seconds)
    {
        var status = value <= bound * (1 + 3e-6) ? "optimal" : value - bound <= options.Gap * value ? "within gap" : "stopped";
        return new SolveRecord("objective", by, status, value, Math.Min(value, bound), seconds) { Note = options.Objective };
    }

    string Moved(PlacementProblem problem, MovedBytes moved, double before, double after, double bound) =>
        $"From '{options.From}' {moved.Experts} of {problem.Statistics.Layers.Sum(l => l.Experts)} experts move{(moved.Bytes > 0 ? $", {Units.Bytes(moved.Bytes)}" : "")}; the objective falls from {Units.Number(before, 4)} to {Units.Number(after, 4)}, and no plan has less than {Units.Number(bound, 4)}.";
}
