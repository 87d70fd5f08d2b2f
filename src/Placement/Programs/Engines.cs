using Google.OrTools.LinearSolver;
using OnnxMoe.Artifacts;

namespace OnnxMoe.Placement.Programs;

/// <summary>Chooses among the engines that this build of OR-Tools offers.</summary>
public static class Engines
{
    static readonly string[] Preferred = ["SAT", "SCIP", "CBC"];

    /// <summary>The wanted engine, or for "auto" the first there is of SAT, SCIP and CBC.</summary>
    public static string Choose(string wanted)
    {
        if (wanted != "auto")
            return Exists(wanted) ? wanted : throw new UserError($"This build of OR-Tools has no engine {wanted}; it has {string.Join(", ", Preferred.Where(Exists))}.");
        return Preferred.FirstOrDefault(Exists) ?? throw new UserError("This build of OR-Tools has none of the engines SAT, SCIP and CBC.");
    }

    static bool Exists(string id)
    {
        using var solver = Solver.CreateSolver(id);
        return solver is not null;
    }
}
