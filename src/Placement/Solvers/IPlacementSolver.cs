namespace OnnxMoe.Placement.Solvers;

/// <summary>A way to place experts.</summary>
public interface IPlacementSolver
{
    /// <summary>Name in settings, plans and reports.</summary>
    string Name { get; }

    /// <summary>Places the experts; a problem it cannot solve is a UserError.</summary>
    PlacementSolution Solve(PlacementProblem problem, CancellationToken cancellation);
}
