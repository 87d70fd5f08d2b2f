namespace OnnxMoe.Artifacts.Placement;

/// <summary>What is known about how good one solve's answer is.</summary>
/// <param name="Program">What was solved, for example "clustering" or "assignment".</param>
/// <param name="Engine">Which engine solved it ("SAT", "CBC", ...), or the name of a greedy method.</param>
/// <param name="Status">"optimal", "within gap", "stopped" (the limit was reached: not proved), "bounded" (a plan measured against a bound, whoever made it).</param>
/// <param name="Objective">Value reached.</param>
/// <param name="Bound">No answer is below this.</param>
/// <param name="Seconds">Time it took.</param>
public sealed record SolveRecord(string Program, string Engine, string Status, double Objective, double Bound, double Seconds)
{
    /// <summary>(objective - bound) / objective: how much better another answer could be at most; 0 when optimal.</summary>
    public double Gap => Objective <= Bound ? 0 : (Objective - Bound) / Objective;

    /// <summary>Fallbacks taken and other remarks.</summary>
    public string Note { get; init; } = "";
}
