using OnnxMoe.Artifacts;

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

    /// <summary>The solvers that <see cref="PlaceOptions.Methods"/> and <see cref="PlaceOptions.Method"/> name, in the same order.</summary>
    /// <exception cref="UserError">A name that is none.</exception>
    public static IReadOnlyList<IPlacementSolver> Chosen(PlaceOptions options, string engine)
    {
        var all = All(options, engine);
        string[] names = [.. options.Methods == "all" ? all.Select(s => s.Name) : options.Methods.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries), options.Method];
        return names.FirstOrDefault(name => all.All(s => s.Name != name)) is not { } unknown ? [.. all.Where(s => names.Contains(s.Name))]
            : throw new UserError($"There is no placement method '{unknown}'; the methods are {string.Join(", ", all.Select(s => s.Name))}.");
    }
}
