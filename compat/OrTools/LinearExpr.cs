namespace Google.OrTools.LinearSolver;

/// <summary>A sum of variables with coefficients, and a constant.</summary>
public class LinearExpr
{
    readonly (Variable Variable, double Coefficient)[] _terms = [];
    readonly double _constant;

    public LinearExpr()
    {
    }

    internal LinearExpr(IEnumerable<(Variable, double)> terms, double constant) => (_terms, _constant) = ([.. terms], constant);

    /// <summary>Adds the terms, times <paramref name="multiplier"/>, to the coefficients; returns the constant likewise.</summary>
    public virtual double DoVisit(Dictionary<Variable, double> coefficients, double multiplier)
    {
        foreach (var (variable, coefficient) in _terms)
            coefficients[variable] = coefficients.GetValueOrDefault(variable) + multiplier * coefficient;
        return multiplier * _constant;
    }

    /// <summary>Adds the terms to the coefficients; returns the constant.</summary>
    public double Visit(Dictionary<Variable, double> coefficients) => DoVisit(coefficients, 1);

    /// <summary>Value in the solver's answer.</summary>
    public virtual double SolutionValue() => _constant + _terms.Sum(t => t.Coefficient * t.Variable.SolutionValue());

    public static implicit operator LinearExpr(Variable a) => new([(a, 1)], 0);

    public static LinearExpr operator +(LinearExpr a, LinearExpr b) => Combine(a, 1, b, 1, 0);

    public static LinearExpr operator +(LinearExpr a, double v) => Combine(a, 1, new(), 0, v);

    public static LinearExpr operator +(double v, LinearExpr a) => a + v;

    public static LinearExpr operator -(LinearExpr a, LinearExpr b) => Combine(a, 1, b, -1, 0);

    public static LinearExpr operator -(LinearExpr a, double v) => a + -v;

    public static LinearExpr operator -(double v, LinearExpr a) => Combine(a, -1, new(), 0, v);

    public static LinearExpr operator -(LinearExpr a) => a * -1;

    public static LinearExpr operator *(LinearExpr a, double v) => Combine(a, v, new(), 0, 0);

    public static LinearExpr operator *(double v, LinearExpr a) => a * v;

    public static LinearExpr operator /(LinearExpr a, double v) => a * (1 / v);

    public static RangeConstraint operator ==(LinearExpr a, double v) => new(a, v, v);

    public static RangeConstraint operator ==(double v, LinearExpr a) => new(a, v, v);

    public static RangeConstraint operator !=(LinearExpr a, double v) => throw new ArgumentException("A linear program cannot say !=.");

    public static RangeConstraint operator !=(double v, LinearExpr a) => throw new ArgumentException("A linear program cannot say !=.");

    public static Equality operator ==(LinearExpr a, LinearExpr b) => new(a, b, true);

    public static Equality operator !=(LinearExpr a, LinearExpr b) => new(a, b, false);

    public static RangeConstraint operator <=(LinearExpr a, double v) => new(a, double.NegativeInfinity, v);

    public static RangeConstraint operator >=(LinearExpr a, double v) => new(a, v, double.PositiveInfinity);

    public static RangeConstraint operator <=(LinearExpr a, LinearExpr b) => a - b <= 0;

    public static RangeConstraint operator >=(LinearExpr a, LinearExpr b) => a - b >= 0;

    static LinearExpr Combine(LinearExpr a, double times, LinearExpr b, double timesB, double constant)
    {
        var coefficients = new Dictionary<Variable, double>(ReferenceEqualityComparer.Instance);
        constant += a.DoVisit(coefficients, times) + b.DoVisit(coefficients, timesB);
        return new LinearExpr(coefficients.Select(c => (c.Key, c.Value)), constant);
    }
}
