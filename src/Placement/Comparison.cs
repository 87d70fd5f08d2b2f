using System.Diagnostics;
using OnnxMoe.Artifacts;
using OnnxMoe.Placement.Costs;
using OnnxMoe.Placement.Solvers;

namespace OnnxMoe.Placement;

/// <summary>Runs every solver on the fit tokens and measures the plans on both parts of the trace.</summary>
public sealed class Comparison(PlacementInput input)
{
    readonly PlacementProblem _problem = input.Problem(input.Fit);
    readonly PlanEvaluator _fit = new(input.Problem(input.Fit), input.Trace, input.Fit);
    readonly PlanEvaluator? _test = input.Test.Length == 0 ? null : new PlanEvaluator(input.Problem(input.Test), input.Trace, input.Test);

    /// <summary>Candidates in the order of the solvers; one that cannot solve the problem says why.</summary>
    public IReadOnlyList<Candidate> Run(IReadOnlyList<IPlacementSolver> solvers, TextWriter log, CancellationToken cancellation) =>
        [.. solvers.Select(solver =>
        {
            var watch = Stopwatch.StartNew();
            var candidate = Run(solver, cancellation);
            log.WriteLine(candidate.Solution is null ? $"  {solver.Name,-16} {candidate.Failure}" : Line(candidate, watch.Elapsed.TotalSeconds));
            return candidate;
        })];

    Candidate Run(IPlacementSolver solver, CancellationToken cancellation)
    {
        try
        {
            var solution = solver.Solve(_problem, cancellation);
            return new Candidate(solver.Name, solution, _fit.Measure(solution.Layers), _test?.Measure(solution.Layers))
            {
                Before = solution.BeforeAssignment is { } before ? (_fit.Measure(before), _test?.Measure(before)) : null,
            };
        }
        catch (UserError error)
        {
            return new Candidate(solver.Name, null, null, null) { Failure = error.Message };
        }
    }

    static string Line(Candidate c, double seconds) =>
        $"  {c.Method,-16} {Both(c, m => m.MaxOverMean, 3),-16} {Both(c, m => m.FlowBusiest, 0),-20} {Both(c, m => m.HomeCopies, 2),-16} {Units.Seconds(seconds)}";

    static string Both(Candidate c, Func<PlanMeasures, double> measure, int digits) =>
        $"{Units.Number(measure(c.Fit!), digits)} / {Units.Number(c.Test is null ? double.NaN : measure(c.Test), digits)}";
}
