namespace Google.OrTools.LinearSolver;

/// <summary>left == right of two variables (or, as a question, whether they are the same variable).</summary>
public class VarEquality(Variable left, Variable right, bool equality) : LinearConstraint
{
    public static implicit operator bool(VarEquality ct) => ct.AsAnswer();

    public override Constraint Extract(Solver solver) =>
        equality ? ((LinearExpr)left - right == 0).Extract(solver) : throw new ArgumentException("A linear program cannot say !=.");

    bool AsAnswer() => ReferenceEquals(left, right) == equality;
}
