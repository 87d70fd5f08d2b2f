using OnnxMoe.Artifacts.Placement;

namespace OnnxMoe.Placement.Solvers;

/// <summary>Consecutive experts together, as serving systems do without a planner: expert e on GPU e x G / E.</summary>
public sealed class ContiguousSolver : IPlacementSolver
{
    public string Name => "contiguous";

    public PlacementSolution Solve(PlacementProblem problem, CancellationToken cancellation) => new(Name,
        [.. problem.Statistics.Layers.Select(l => PlacedLayer.Contiguous(l.Layer, l.Experts, problem.Gpus))], []);
}
