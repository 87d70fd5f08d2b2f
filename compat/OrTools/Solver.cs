using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;

namespace Google.OrTools.LinearSolver;

/// <summary>
/// A linear or mixed-integer program and CBC to solve it, with the names and signatures of OR-Tools. The model is handed to CBC
/// anew by each <see cref="Solve()"/>, as CBC's C interface wants it.
/// </summary>
public partial class Solver : IDisposable
{
    /// <summary>CBC 2.10 reads its parameters through global variables, so that solves of several threads disturb each other.</summary>
    static readonly Lock OneAtATime = new();

    readonly List<Variable> _variables = [];
    readonly List<Constraint> _constraints = [];
    readonly Objective _objective;
    readonly Stopwatch _watch = new();
    readonly Dictionary<int, double> _hint = [];
    readonly bool _relax;
    TimeSpan _limit = Timeout.InfiniteTimeSpan;
    bool _output;
    long _iterations;
    long _nodes;

    Solver(bool relax)
    {
        _relax = relax;
        _objective = new Objective(this);
    }

    /// <summary>How a solve ended.</summary>
    public enum ResultStatus
    {
        OPTIMAL = 0,
        FEASIBLE = 1,
        INFEASIBLE = 2,
        UNBOUNDED = 3,
        ABNORMAL = 4,
        MODEL_INVALID = 5,
        NOT_SOLVED = 6,
    }

    internal double[] Solution { get; private set; } = [];

    internal double[] ReducedCosts { get; private set; } = [];

    internal double ObjectiveValue { get; private set; }

    internal double ObjectiveBound { get; private set; }

    /// <summary>A solver, or null when there is no engine of that name. Here: CBC, and CLP for continuous programs.</summary>
    public static Solver CreateSolver(string solver_id) => solver_id switch
    {
        "CBC" or "CBC_MIXED_INTEGER_PROGRAMMING" => new Solver(relax: false),
        "CLP" or "CLP_LINEAR_PROGRAMMING" => new Solver(relax: true),
        _ => null!, // OR-Tools' own signature says nothing of null and returns it
    };

    /// <summary>The objective.</summary>
    public Objective Objective() => _objective;

    /// <summary>Minimises an expression.</summary>
    public void Minimize(LinearExpr expr) => SetObjective(expr, maximize: false);

    /// <inheritdoc cref="Minimize(LinearExpr)"/>
    public void Minimize(Variable var) => Minimize((LinearExpr)var);

    /// <summary>Maximises an expression.</summary>
    public void Maximize(LinearExpr expr) => SetObjective(expr, maximize: true);

    /// <inheritdoc cref="Maximize(LinearExpr)"/>
    public void Maximize(Variable var) => Maximize((LinearExpr)var);

    /// <summary>Stops the search after that time; 0 means never.</summary>
    public void SetTimeLimit(long time_limit_milliseconds) =>
        _limit = time_limit_milliseconds <= 0 ? Timeout.InfiniteTimeSpan : TimeSpan.FromMilliseconds(time_limit_milliseconds);

    /// <summary>CBC stays on one thread: false. On several, version 2.10 is not deterministic and known to crash (coin-or/Cbc issue 511).</summary>
    public bool SetNumThreads(int num_theads) => false;

    /// <summary>
    /// A first answer to start from: values of whole variables, to be completed to an answer that meets all rows. It bounds the search
    /// and is the answer where CBC finds none better. CBC itself never sees it: version 2.10 dies (in CglPreProcess::postProcess) when
    /// it has one and its time ends while it preprocesses.
    /// </summary>
    public void SetHint(MPVariableVector variables, double[] values)
    {
        _hint.Clear();
        foreach (var (variable, value) in variables.Zip(values))
            _hint[variable.Column] = value;
    }

    /// <summary>CBC takes no parameter text here: false, as from OR-Tools' CBC.</summary>
    public bool SetSolverSpecificParametersAsString(string parameters) => parameters.Length == 0;

    /// <summary>Lets CBC print its progress.</summary>
    public void EnableOutput() => _output = true;

    /// <summary>Keeps CBC silent.</summary>
    public void SuppressOutput() => _output = false;

    /// <summary>CBC's C interface cannot be interrupted: false; the time limit ends the search.</summary>
    public bool InterruptSolve() => false;

    /// <summary>Number of variables.</summary>
    public int NumVariables() => _variables.Count;

    /// <summary>Number of rows.</summary>
    public int NumConstraints() => _constraints.Count;

    /// <summary>The variable of that number.</summary>
    public Variable Variable(int index) => _variables[index];

    /// <summary>The row of that number.</summary>
    public Constraint Constraint(int index) => _constraints[index];

    /// <summary>Milliseconds spent solving.</summary>
    public long WallTime() => _watch.ElapsedMilliseconds;

    /// <summary>Simplex iterations of the last solve.</summary>
    public long Iterations() => _iterations;

    /// <summary>Branch-and-bound nodes of the last solve.</summary>
    public long Nodes() => _nodes;

    /// <summary>Whether whole variables are kept whole.</summary>
    public bool IsMip() => !_relax;

    /// <summary>Name and version of the engine.</summary>
    public string SolverVersion() => "Cbc " + Marshal.PtrToStringUTF8(Cbc.Version());

    /// <summary>Forgets variables, rows, objective and answer.</summary>
    public void Clear()
    {
        _variables.Clear();
        _constraints.Clear();
        _objective.Clear();
        _hint.Clear();
        Reset();
    }

    /// <summary>Forgets the answer.</summary>
    public void Reset() => (Solution, ReducedCosts, ObjectiveValue, ObjectiveBound) = ([], [], 0, 0);

    /// <summary>Whether the answer meets all bounds, rows and whole variables within <paramref name="tolerance"/>, which is relative for bounds beyond 1.</summary>
    public bool VerifySolution(double tolerance, bool log_errors)
    {
        var broken = Broken([.. _variables.Select(v => v.SolutionValue())], tolerance).ToList();
        if (log_errors)
            broken.ForEach(b => Console.Error.WriteLine($"The answer breaks {b}."));
        return broken.Count == 0;
    }

    /// <summary>Solves with default parameters.</summary>
    public ResultStatus Solve()
    {
        using var parameters = new MPSolverParameters();
        return Solve(parameters);
    }

    /// <summary>Solves.</summary>
    public ResultStatus Solve(MPSolverParameters param)
    {
        Reset();
        lock (OneAtATime)
        {
            var model = Cbc.NewModel();
            _watch.Start();
            try
            {
                var hint = CompleteHint();
                var began = _watch.Elapsed;
                Load(model, []);
                Configure(model, param, hint);
                Cbc.Solve(model);
                var status = Read(model, outOfTime: _limit > TimeSpan.Zero && _watch.Elapsed - began >= _limit);
                return hint is null ? status : TakeBetter(hint, status, model);
            }
            finally
            {
                _watch.Stop();
                Cbc.DeleteModel(model);
            }
        }
    }

    public void Dispose() => GC.SuppressFinalize(this);

    void Configure(nint model, MPSolverParameters param, double[]? hint)
    {
        Output(model);
        Cbc.SetParameter(model, "ratio", param.RelativeGap.ToString(CultureInfo.InvariantCulture));
        LimitTime(model);
        if (hint is not null && !_objective.Maximize) // CBC's limit is for objectives to be minimised
            Cbc.SetParameter(model, "cutoff", (Value(hint) + 1e-6 * Math.Max(1, Math.Abs(Value(hint)))).ToString(CultureInfo.InvariantCulture));
    }

    void LimitTime(nint model)
    {
        if (_limit == Timeout.InfiniteTimeSpan)
            return;
        Cbc.SetParameter(model, "timeMode", "elapsed");
        Cbc.SetParameter(model, "sec", _limit.TotalSeconds.ToString(CultureInfo.InvariantCulture));
    }

    void Output(nint model)
    {
        Cbc.SetLogLevel(model, _output ? 1 : 0);
        Cbc.SetParameter(model, "log", _output ? "1" : "0");
    }

    /// <summary>The hint's whole variables and the best values of all others, if these meet all rows.</summary>
    double[]? CompleteHint()
    {
        if (_relax || _hint.Count == 0)
            return null;
        var model = Cbc.NewModel();
        try
        {
            Load(model, _hint);
            Output(model);
            if (_variables.Exists(v => v.IsInteger && !_hint.ContainsKey(v.Column)))
                LimitTime(model); // what is left is a search of its own
            Cbc.Solve(model);
            var answer = Cbc.IsProvenOptimal(model) == 0 ? 0 : Cbc.ColumnSolution(model);
            return answer != 0 && Copy(answer, _variables.Count) is var hint && !Broken(hint, 1e-6).Any() ? hint : null;
        }
        finally
        {
            Cbc.DeleteModel(model);
        }
    }

    /// <summary>The hint where CBC found nothing better.</summary>
    ResultStatus TakeBetter(double[] hint, ResultStatus status, nint model)
    {
        var (sign, value) = (_objective.Maximize ? -1 : 1, Value(hint));
        var found = status is ResultStatus.OPTIMAL or ResultStatus.FEASIBLE;
        if (status == ResultStatus.UNBOUNDED || (found && sign * ObjectiveValue <= sign * value))
            return status;
        var bound = found ? ObjectiveBound : Cbc.BestPossible(model);
        (Solution, ObjectiveValue, ObjectiveBound) = (hint, value, sign * Math.Min(sign * value, sign * bound));
        // Infeasible: no answer below the limit that the hint set, so there is none better.
        return status is ResultStatus.OPTIMAL or ResultStatus.INFEASIBLE ? ResultStatus.OPTIMAL : ResultStatus.FEASIBLE;
    }

    double Value(double[] at) => _objective.Coefficients.Sum(c => c.Value * at[c.Key]);

    /// <summary>The variables and rows that an answer breaks.</summary>
    IEnumerable<string> Broken(double[] at, double tolerance) =>
        _variables.Where(v => Less(at[v.Column], v.Lower, tolerance) || Less(v.Upper, at[v.Column], tolerance)
                || (v.IsInteger && !_relax && Math.Abs(at[v.Column] - Math.Round(at[v.Column])) > tolerance)).Select(v => v.Label)
            .Concat(_constraints.Where(c => c.Coefficients.Sum(t => t.Value * at[t.Key]) is var x && (Less(x, c.Lower, tolerance) || Less(c.Upper, x, tolerance))).Select(c => $"row {c.Index()}"));

    ResultStatus Read(nint model, bool outOfTime)
    {
        (_iterations, _nodes) = (Cbc.IterationCount(model), Cbc.NodeCount(model));
        if (Cbc.IsProvenInfeasible(model) != 0)
            return outOfTime ? ResultStatus.NOT_SOLVED : ResultStatus.INFEASIBLE; // CBC sometimes says so when its time ends at the root
        if (Cbc.IsContinuousUnbounded(model) != 0)
            return ResultStatus.UNBOUNDED;
        var whole = !_relax && _variables.Exists(v => v.IsInteger);
        var answer = whole ? Cbc.BestSolution(model) : Cbc.ColumnSolution(model);
        if (answer == 0 || Cbc.Status(model) == 2)
            return Cbc.Status(model) == 2 ? ResultStatus.ABNORMAL : ResultStatus.NOT_SOLVED;
        Solution = Copy(answer, _variables.Count);
        if (!whole && Cbc.ReducedCost(model) is not 0 and var costs)
            ReducedCosts = Copy(costs, _variables.Count);
        ObjectiveValue = Value(Solution);
        // Secondary status 0: the tree was searched to its end. CBC leaves an older bound standing then.
        var exhausted = Cbc.IsProvenOptimal(model) != 0 && Cbc.SecondaryStatus(model) == 0;
        ObjectiveBound = whole && !exhausted ? Cbc.BestPossible(model) : ObjectiveValue;
        return Cbc.IsProvenOptimal(model) != 0 ? ResultStatus.OPTIMAL : ResultStatus.FEASIBLE;
    }

    /// <summary>Hands the program to CBC, columns one after the other.</summary>
    /// <param name="model">CBC's.</param>
    /// <param name="chosen">Values at which whole variables are fixed: with all of them a program without whole variables is left.</param>
    void Load(nint model, Dictionary<int, double> chosen)
    {
        bool IsFixed(Variable v) => v.IsInteger && chosen.ContainsKey(v.Column);
        var columns = _variables.Select(_ => new List<(int Row, double Value)>()).ToArray();
        foreach (var constraint in _constraints)
        {
            foreach (var (column, value) in constraint.Coefficients)
            {
                if (value != 0)
                    columns[column].Add((constraint.Index(), value));
            }
        }
        var start = new int[columns.Length + 1];
        for (var c = 0; c < columns.Length; c++)
            start[c + 1] = start[c] + columns[c].Count;
        Cbc.LoadProblem(model, columns.Length, _constraints.Count, start, [.. columns.SelectMany(c => c).Select(t => t.Row)], [.. columns.SelectMany(c => c).Select(t => t.Value)],
            [.. _variables.Select(v => IsFixed(v) ? chosen[v.Column] : v.Lower)], [.. _variables.Select(v => IsFixed(v) ? chosen[v.Column] : v.Upper)], [.. _variables.Select(v => _objective.Coefficients.GetValueOrDefault(v.Column))],
            [.. _constraints.Select(c => c.Lower)], [.. _constraints.Select(c => c.Upper)]);
        foreach (var variable in _variables)
        {
            if (variable.IsInteger && !_relax && !IsFixed(variable))
                Cbc.SetInteger(model, variable.Column);
        }
        Cbc.SetObjectiveSense(model, _objective.Maximize ? -1 : 1);
    }

    void SetObjective(LinearExpr expr, bool maximize)
    {
        var coefficients = new Dictionary<Variable, double>(ReferenceEqualityComparer.Instance);
        _objective.Clear();
        _objective.SetOffset(expr.Visit(coefficients));
        foreach (var (variable, coefficient) in coefficients)
            _objective.SetCoefficient(variable, coefficient);
        _objective.SetOptimizationDirection(maximize);
    }

    /// <summary>Whether a number is less than another by more than rounding explains.</summary>
    static bool Less(double a, double b, double tolerance) => b - a > tolerance * Math.Max(1, Math.Min(Math.Abs(a), Math.Abs(b)));

    static double[] Copy(nint numbers, int count)
    {
        var copy = new double[count];
        Marshal.Copy(numbers, copy, 0, count);
        return copy;
    }
}
