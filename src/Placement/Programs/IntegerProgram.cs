using System.Diagnostics;
using Google.OrTools.LinearSolver;

namespace OnnxMoe.Placement.Programs;

/// <summary>An integer program to be minimised; a thin layer over OR-Tools so that all programs treat limits, hints and answers alike.</summary>
public sealed class IntegerProgram : IDisposable
{
    readonly Solver _solver;
    readonly string _engine;
    readonly List<Variable> _variables = [];
    readonly List<double> _hint = [];

    public IntegerProgram(string engine, int threads, int seed)
    {
        (_solver, _engine) = (Solver.CreateSolver(engine), engine);
        _solver.SuppressOutput();
        _solver.SetNumThreads(threads);
        Seed(seed);
    }

    /// <summary>Number of rows so far.</summary>
    public int Rows => _solver.NumConstraints();

    /// <summary>A new variable of 0 or 1, hinted to be <paramref name="hint"/>; returns its number.</summary>
    public int Bool(bool hint) => Add(_solver.MakeBoolVar(Name()), hint ? 1 : 0);

    /// <summary>A new whole variable, hinted to be <paramref name="hint"/>; returns its number.</summary>
    public int Whole(double lower, double upper, double hint) => Add(_solver.MakeIntVar(lower, upper, Name()), hint);

    /// <summary>A new variable of any value between the limits, hinted to be <paramref name="hint"/>; returns its number.</summary>
    public int Real(double lower, double upper, double hint) => Add(_solver.MakeNumVar(lower, upper, Name()), hint);

    /// <summary>Fixes a variable.</summary>
    public void Fix(int variable, double value) => _variables[variable].SetBounds(value, value);

    /// <summary>Adds lower &lt;= sum of coefficient x variable &lt;= upper; each variable at most once.</summary>
    public void Row(double lower, double upper, params ReadOnlySpan<(double Coefficient, int Variable)> terms)
    {
        var row = _solver.MakeConstraint(lower, upper);
        foreach (var (coefficient, variable) in terms)
            row.SetCoefficient(_variables[variable], coefficient);
    }

    /// <summary>Minimises the sum of the terms.</summary>
    /// <param name="terms">The objective.</param>
    /// <param name="gap">Relative gap at which to stop.</param>
    /// <param name="limit">When to stop anyway.</param>
    /// <param name="cancellation">Stops the engine where it can be stopped.</param>
    /// <param name="whole">Whether the optimum is known to be a whole number, so that a fractional bound may be rounded up.</param>
    public ProgramResult Minimize(IEnumerable<(double Coefficient, int Variable)> terms, double gap, TimeSpan limit, CancellationToken cancellation, bool whole = true)
    {
        var objective = _solver.Objective();
        foreach (var (coefficient, variable) in terms)
            objective.SetCoefficient(_variables[variable], coefficient);
        objective.SetMinimization();
        _solver.SetTimeLimit((long)limit.TotalMilliseconds);
        _solver.SetHint([.. _variables], [.. _hint]);
        using var parameters = new MPSolverParameters();
        parameters.SetDoubleParam(MPSolverParameters.DoubleParam.RELATIVE_MIP_GAP, gap);
        var watch = Stopwatch.StartNew();
        Solver.ResultStatus status;
        using (cancellation.Register(() => _solver.InterruptSolve()))
            status = _solver.Solve(parameters);
        cancellation.ThrowIfCancellationRequested();
        return Read(status, objective, watch.Elapsed.TotalSeconds, gap, whole);
    }

    public void Dispose() => _solver.Dispose();

    ProgramResult Read(Solver.ResultStatus status, Objective objective, double seconds, double gap, bool whole)
    {
        if (status is not (Solver.ResultStatus.OPTIMAL or Solver.ResultStatus.FEASIBLE))
            return new ProgramResult(status == Solver.ResultStatus.INFEASIBLE ? "infeasible" : "no answer", double.NaN, double.NaN, [], seconds);
        var value = whole ? Math.Round(objective.Value()) : objective.Value();
        var proved = objective.BestBound() - 1e-6 * Math.Max(1, Math.Abs(value)); // engines work with tolerances
        var bound = Math.Min(value, whole ? Math.Ceiling(proved) : proved);
        var word = value <= bound ? "optimal" : value - bound <= gap * Math.Abs(value) ? "within gap" : "stopped";
        return new ProgramResult(word, value, bound, [.. _variables.Select(v => Math.Round(v.SolutionValue()))], seconds);
    }

    int Add(Variable variable, double hint)
    {
        _variables.Add(variable);
        _hint.Add(hint);
        return _variables.Count - 1;
    }

    string Name() => $"v{_variables.Count}";

    /// <summary>Each engine has its own word for the seed; CBC behind OR-Tools takes none and is deterministic.</summary>
    void Seed(int seed)
    {
        if (_engine == "SAT")
            _solver.SetSolverSpecificParametersAsString($"random_seed: {Math.Abs(seed)}");
        else if (_engine == "SCIP")
            _solver.SetSolverSpecificParametersAsString($"randomization/randomseedshift = {Math.Abs(seed)}");
    }
}
