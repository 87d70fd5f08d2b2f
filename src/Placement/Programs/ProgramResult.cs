namespace OnnxMoe.Placement.Programs;

/// <summary>An engine's answer to an integer program.</summary>
/// <param name="Status">"optimal", "within gap", "stopped", "infeasible", or "no answer" (the limit came before any).</param>
/// <param name="Objective">Value of the answer.</param>
/// <param name="Bound">No answer is below this.</param>
/// <param name="Values">Value of each variable, by its number; empty without an answer.</param>
/// <param name="Seconds">Time it took.</param>
public sealed record ProgramResult(string Status, double Objective, double Bound, double[] Values, double Seconds)
{
    /// <summary>Whether there is an answer.</summary>
    public bool HasAnswer => Values.Length > 0;
}
