using OnnxMoe.Artifacts.Placement;

namespace OnnxMoe.Placement.Solvers;

/// <summary>A solver's plan and what is known about it.</summary>
/// <param name="Solver">Name of the solver.</param>
/// <param name="Layers">The plan.</param>
/// <param name="Solves">Status, objective and bound of each program solved.</param>
public sealed record PlacementSolution(string Solver, IReadOnlyList<PlacedLayer> Layers, IReadOnlyList<SolveRecord> Solves)
{
    /// <summary>Fallbacks taken and other things to know, one sentence each.</summary>
    public IReadOnlyList<string> Notes { get; init; } = [];

    /// <summary>The plan with the same clusters but cluster c on GPU c, to see what the assignment is worth; null for other solvers.</summary>
    public IReadOnlyList<PlacedLayer>? BeforeAssignment { get; init; }

    /// <summary>A bound that the solver proved on the time of the busiest GPU in each layer [L], for any plan with one copy of each expert; null where it proved none.</summary>
    public IReadOnlyList<double>? LayerBounds { get; init; }

    /// <summary>Seconds and objective as the search went on; empty for other solvers.</summary>
    public IReadOnlyList<(double Seconds, double Value)> Convergence { get; init; } = [];

    /// <summary>A layer in which expert e is on GPU gpuOf[e].</summary>
    public static PlacedLayer Layer(int number, IReadOnlyList<int> gpuOf, int gpus) =>
        new(number, gpuOf.Count, [.. Enumerable.Range(0, gpus).Select(g => Enumerable.Range(0, gpuOf.Count).Where(e => gpuOf[e] == g).ToArray())]);
}
