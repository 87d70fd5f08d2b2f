namespace Google.OrTools.LinearSolver;

/// <content>Variables and constraints.</content>
public partial class Solver
{
    public Variable MakeVar(double lb, double ub, bool integer, string name)
    {
        var variable = new Variable(this, _variables.Count, lb, ub, integer, name);
        _variables.Add(variable);
        return variable;
    }

    public Variable MakeNumVar(double lb, double ub, string name) => MakeVar(lb, ub, false, name);

    public Variable MakeIntVar(double lb, double ub, string name) => MakeVar(lb, ub, true, name);

    public Variable MakeBoolVar(string name) => MakeVar(0, 1, true, name);

    public Variable[] MakeVarArray(int count, double lb, double ub, bool integer) => MakeVarArray(count, lb, ub, integer, "");

    public Variable[] MakeVarArray(int count, double lb, double ub, bool integer, string var_name) =>
        [.. Enumerable.Range(0, count).Select(i => MakeVar(lb, ub, integer, var_name + i))];

    public Variable[] MakeNumVarArray(int count, double lb, double ub) => MakeVarArray(count, lb, ub, false);

    public Variable[] MakeNumVarArray(int count, double lb, double ub, string var_name) => MakeVarArray(count, lb, ub, false, var_name);

    public Variable[] MakeIntVarArray(int count, double lb, double ub) => MakeVarArray(count, lb, ub, true);

    public Variable[] MakeIntVarArray(int count, double lb, double ub, string var_name) => MakeVarArray(count, lb, ub, true, var_name);

    public Variable[] MakeBoolVarArray(int count) => MakeVarArray(count, 0, 1, true);

    public Variable[] MakeBoolVarArray(int count, string var_name) => MakeVarArray(count, 0, 1, true, var_name);

    public Variable[,] MakeVarMatrix(int rows, int cols, double lb, double ub, bool integer) => MakeVarMatrix(rows, cols, lb, ub, integer, "");

    public Variable[,] MakeVarMatrix(int rows, int cols, double lb, double ub, bool integer, string name)
    {
        var matrix = new Variable[rows, cols];
        for (var i = 0; i < rows * cols; i++)
            matrix[i / cols, i % cols] = MakeVar(lb, ub, integer, $"{name}[{i / cols}, {i % cols}]");
        return matrix;
    }

    public Variable[,] MakeNumVarMatrix(int rows, int cols, double lb, double ub) => MakeVarMatrix(rows, cols, lb, ub, false);

    public Variable[,] MakeNumVarMatrix(int rows, int cols, double lb, double ub, string name) => MakeVarMatrix(rows, cols, lb, ub, false, name);

    public Variable[,] MakeIntVarMatrix(int rows, int cols, double lb, double ub) => MakeVarMatrix(rows, cols, lb, ub, true);

    public Variable[,] MakeIntVarMatrix(int rows, int cols, double lb, double ub, string name) => MakeVarMatrix(rows, cols, lb, ub, true, name);

    public Variable[,] MakeBoolVarMatrix(int rows, int cols) => MakeVarMatrix(rows, cols, 0, 1, true);

    public Variable[,] MakeBoolVarMatrix(int rows, int cols, string name) => MakeVarMatrix(rows, cols, 0, 1, true, name);

    public Constraint MakeConstraint() => MakeConstraint(double.NegativeInfinity, double.PositiveInfinity, "");

    public Constraint MakeConstraint(string name) => MakeConstraint(double.NegativeInfinity, double.PositiveInfinity, name);

    public Constraint MakeConstraint(double lb, double ub) => MakeConstraint(lb, ub, "");

    public Constraint MakeConstraint(double lb, double ub, string name)
    {
        var constraint = new Constraint(this, _constraints.Count, lb, ub, name);
        _constraints.Add(constraint);
        return constraint;
    }

    /// <summary>Adds a constraint written with operators.</summary>
    public Constraint Add(LinearConstraint constraint) => constraint.Extract(this);
}
