namespace Google.OrTools.LinearSolver;

/// <summary>A variable of a <see cref="Solver"/>.</summary>
public partial class Variable : IDisposable
{
    internal Variable(Solver solver, int column, double lb, double ub, bool integer, string name) =>
        (Solver, Column, Lower, Upper, IsInteger, Label) = (solver, column, lb, ub, integer, name);

    internal Solver Solver { get; }

    internal int Column { get; }

    internal double Lower { get; private set; }

    internal double Upper { get; private set; }

    internal bool IsInteger { get; private set; }

    internal string Label { get; }

    /// <summary>Name given when it was made.</summary>
    public string Name() => Label;

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

    /// <summary>Says whether only whole values are allowed.</summary>
    public void SetInteger(bool integer) => IsInteger = integer;

    /// <summary>Its value in the answer; 0 before one was found.</summary>
    public double SolutionValue() => Solver.Solution.Length > Column ? Solver.Solution[Column] : 0;

    /// <summary>Its reduced cost in the answer of a program without whole variables.</summary>
    public double ReducedCost() => Solver.ReducedCosts.Length > Column ? Solver.ReducedCosts[Column] : 0;

    /// <summary>Holds nothing of its own; the solver frees everything.</summary>
    public void Dispose() => GC.SuppressFinalize(this);
}
