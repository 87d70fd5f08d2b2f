namespace OnnxMoe.Placement.Solvers;

/// <summary>All solvers.</summary>
public static class SolverList
{
    /// <summary>Every solver in the order of the report, from the simplest on.</summary>
    public static IReadOnlyList<IPlacementSolver> All(PlaceOptions options, string engine) =>
    [
        new ContiguousSolver(),
        new RandomSolver(options.Seed),
        new EplbSolver(replicated: false, options),
        new EplbSolver(replicated: true, options),
        new BalancedSolver(replicated: false, engine, options),
        new BalancedSolver(replicated: true, engine, options),
        new MoeTunerSolver(equalSizes: false, engine, options),
        new MoeTunerSolver(equalSizes: true, engine, options),
        new JointSolver(engine, options),
        new SearchSolver(engine, options),
    ];
}
