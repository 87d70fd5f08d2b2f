namespace Google.OrTools.LinearSolver;

/// <summary>Sums of arrays.</summary>
public static class LinearExprArrayHelper
{
    public static LinearExpr Sum(this LinearExpr[] exprs) => new(Terms(exprs, out var constant), constant);

    public static LinearExpr Sum(this Variable[] vars) => Sum(Array.ConvertAll(vars, v => (LinearExpr)v));

    static IEnumerable<(Variable, double)> Terms(LinearExpr[] exprs, out double constant)
    {
        var coefficients = new Dictionary<Variable, double>(ReferenceEqualityComparer.Instance);
        constant = exprs.Sum(e => e.Visit(coefficients));
        return coefficients.Select(c => (c.Key, c.Value));
    }
}
