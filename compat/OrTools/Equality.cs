namespace Google.OrTools.LinearSolver;

/// <summary>left == right (or, as a question about the two objects, whether they are the same).</summary>
public class Equality(LinearExpr left, LinearExpr right, bool equality) : LinearConstraint
{
    public static implicit operator bool(Equality ct) => ct.AsAnswer();

    public override Constraint Extract(Solver solver) =>
        equality ? (left - right == 0).Extract(solver) : throw new ArgumentException("A linear program cannot say !=.");

    bool AsAnswer() => ReferenceEquals(left, right) == equality;
}
