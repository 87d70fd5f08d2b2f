using OnnxMoe.Artifacts.Placement;
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
    /// <summary>Time of the busiest GPU summed over layers on the fitted tokens, and what no plan of its kind (one copy of each expert, or as many slots) can beat.</summary>
    public SolveRecord? Balance { get; init; }

    /// <summary>The weighted objective on the fitted tokens and on held-out ones.</summary>
    public (double Fit, double? Test) Objective { get; init; } = (double.NaN, null);

    /// <summary>How long the solver took.</summary>
    public double Seconds { get; init; }

    /// <summary>Why there is no plan.</summary>
    public string Failure { get; init; } = "";

    /// <summary>Measures, fit and test, of the same clusters before they were assigned to GPUs; null for other solvers.</summary>
    public (PlanMeasures Fit, PlanMeasures? Test)? Before { get; init; }
}
