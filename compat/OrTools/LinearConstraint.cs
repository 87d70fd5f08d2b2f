namespace Google.OrTools.LinearSolver;

/// <summary>A constraint in words, before a solver has it.</summary>
public class LinearConstraint
{
    /// <summary>Adds it to a solver.</summary>
    public virtual Constraint Extract(Solver solver) => throw new InvalidOperationException("This constraint says nothing.");
}
