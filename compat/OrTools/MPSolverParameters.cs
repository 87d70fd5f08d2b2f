namespace Google.OrTools.LinearSolver;

/// <summary>Settings of one call of <see cref="Solver.Solve(MPSolverParameters)"/>.</summary>
public class MPSolverParameters : IDisposable
{
    readonly Dictionary<DoubleParam, double> _doubles = [];

    /// <summary>Settings that are real numbers.</summary>
    public enum DoubleParam
    {
        RELATIVE_MIP_GAP = 0,
        PRIMAL_TOLERANCE = 1,
        DUAL_TOLERANCE = 2,
    }

    internal double RelativeGap => GetDoubleParam(DoubleParam.RELATIVE_MIP_GAP);

    /// <summary>Sets a real number.</summary>
    public void SetDoubleParam(DoubleParam param, double value) => _doubles[param] = value;

    /// <summary>A real number as set, or its default.</summary>
    public double GetDoubleParam(DoubleParam param) =>
        _doubles.TryGetValue(param, out var value) ? value : param == DoubleParam.RELATIVE_MIP_GAP ? 1e-4 : 1e-7;

    public void Dispose() => GC.SuppressFinalize(this);
}
