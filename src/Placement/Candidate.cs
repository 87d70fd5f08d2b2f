using OnnxMoe.Placement.Costs;
using OnnxMoe.Placement.Solvers;

namespace OnnxMoe.Placement;

/// <summary>One method of the comparison: its plan, fitted on the fit tokens, measured on those and on held-out ones.</summary>
/// <param name="Method">Name of the solver.</param>
/// <param name="Solution">Its plan; null when it cannot solve this problem.</param>
/// <param name="Fit">Measures on the tokens it was made from.</param>
/// <param name="Test">Measures on held-out tokens; null for expert counts.</param>
public sealed record Candidate(string Method, PlacementSolution? Solution, PlanMeasures? Fit, PlanMeasures? Test)
{
    /// <summary>Why there is no plan.</summary>
    public string Failure { get; init; } = "";

    /// <summary>Measures, fit and test, of the same clusters before they were assigned to GPUs; null for other solvers.</summary>
    public (PlanMeasures Fit, PlanMeasures? Test)? Before { get; init; }
}
