namespace OnnxMoe.Placement.Solvers;

/// <summary>Consecutive experts together, as serving systems do without a planner: expert e on GPU e x G / E.</summary>
public sealed class ContiguousSolver : IPlacementSolver
{
    public string Name => "contiguous";

    public PlacementSolution Solve(PlacementProblem problem, CancellationToken cancellation) => new(Name,
        [.. problem.Statistics.Layers.Select(l => PlacementSolution.Layer(l.Layer, [.. Enumerable.Range(0, l.Experts).Select(e => (int)((long)e * problem.Gpus / l.Experts))], problem.Gpus))], []);
}
