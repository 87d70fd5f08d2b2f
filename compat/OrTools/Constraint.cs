namespace Google.OrTools.LinearSolver;

/// <summary>A row of a <see cref="Solver"/>: lb &lt;= sum of coefficient x variable &lt;= ub.</summary>
public class Constraint : IDisposable
{
    readonly Solver _solver;
    readonly int _row;
    readonly string _name;

    internal Constraint(Solver solver, int row, double lb, double ub, string name) => (_solver, _row, Lower, Upper, _name) = (solver, row, lb, ub, name);

    internal double Lower { get; private set; }

    internal double Upper { get; private set; }

    internal Dictionary<int, double> Coefficients { get; } = [];

    /// <summary>Name given when it was made.</summary>
    public string Name() => _name;

    /// <summary>Its place among the rows.</summary>
    public int Index() => _row;

    /// <summary>Lower bound.</summary>
    public double Lb() => Lower;

    /// <summary>Upper bound.</summary>
    public double Ub() => Upper;

    /// <summary>Sets the lower bound.</summary>
    public void SetLb(double lb) => SetBounds(lb, Upper);

    /// <summary>Sets the upper bound.</summary>
    public void SetUb(double ub) => SetBounds(Lower, ub);

    /// <summary>Sets both bounds.</summary>
    public void SetBounds(double lb, double ub) => (Lower, Upper) = (lb, ub);

    /// <summary>Sets the coefficient of a variable.</summary>
    public void SetCoefficient(Variable var, double coeff)
    {
        if (!ReferenceEquals(var.Solver, _solver))
            throw new ArgumentException($"Variable {var.Name()} belongs to another solver.", nameof(var));
        Coefficients[var.Column] = coeff;
    }

    /// <summary>Coefficient of a variable; 0 where it has none.</summary>
    public double GetCoefficient(Variable var) => Coefficients.GetValueOrDefault(var.Column);

    /// <summary>Holds nothing of its own; the solver frees everything.</summary>
    public void Dispose() => GC.SuppressFinalize(this);
}
