namespace Google.OrTools.LinearSolver;

/// <summary>lb &lt;= expression &lt;= ub.</summary>
public class RangeConstraint(LinearExpr expr, double lb, double ub) : LinearConstraint
{
    public override Constraint Extract(Solver solver)
    {
        var coefficients = new Dictionary<Variable, double>(ReferenceEqualityComparer.Instance);
        var constant = expr.Visit(coefficients);
        var constraint = solver.MakeConstraint(lb - constant, ub - constant);
        foreach (var (variable, coefficient) in coefficients)
            constraint.SetCoefficient(variable, coefficient);
        return constraint;
    }
}
