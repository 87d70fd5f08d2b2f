namespace Google.OrTools.LinearSolver;

/// <summary>What a <see cref="Solver"/> minimises or maximises.</summary>
public class Objective : IDisposable
{
    readonly Solver _solver;

    internal Objective(Solver solver) => _solver = solver;

    internal Dictionary<int, double> Coefficients { get; } = [];

    internal bool Maximize { get; private set; }

    internal double Constant { get; private set; }

    /// <summary>Sets the coefficient of a variable.</summary>
    public void SetCoefficient(Variable var, double coeff) => Coefficients[var.Column] = coeff;

    /// <summary>Coefficient of a variable; 0 where it has none.</summary>
    public double GetCoefficient(Variable var) => Coefficients.GetValueOrDefault(var.Column);

    /// <summary>Sets the constant.</summary>
    public void SetOffset(double value) => Constant = value;

    /// <summary>The constant.</summary>
    public double Offset() => Constant;

    /// <summary>The smallest value is wanted.</summary>
    public void SetMinimization() => Maximize = false;

    /// <summary>The largest value is wanted.</summary>
    public void SetMaximization() => Maximize = true;

    /// <summary>Says whether the largest value is wanted.</summary>
    public void SetOptimizationDirection(bool maximize) => Maximize = maximize;

    /// <summary>Whether the smallest value is wanted.</summary>
    public bool Minimization() => !Maximize;

    /// <summary>Whether the largest value is wanted.</summary>
    public bool Maximization() => Maximize;

    /// <summary>Value of the answer.</summary>
    public double Value() => _solver.ObjectiveValue + Constant;

    /// <summary>No answer is better than this.</summary>
    public double BestBound() => _solver.ObjectiveBound + Constant;

    /// <summary>Forgets all coefficients and the constant.</summary>
    public void Clear()
    {
        Coefficients.Clear();
        Constant = 0;
        Maximize = false;
    }

    /// <summary>Holds nothing of its own; the solver frees everything.</summary>
    public void Dispose() => GC.SuppressFinalize(this);
}
