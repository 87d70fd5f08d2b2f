using System.Diagnostics;
using OnnxMoe.Artifacts;
using OnnxMoe.Placement.Balance;
using OnnxMoe.Placement.Costs;
using OnnxMoe.Placement.Search;
using OnnxMoe.Placement.Solvers;

namespace OnnxMoe.Placement;

/// <summary>Runs every solver on the fit tokens, measures the plans on both parts of the trace, and says how near each is to its bound.</summary>
public sealed class Comparison(PlacementInput input, PlaceOptions options)
{
    readonly PlacementProblem _problem = input.Problem(input.Fit);
    readonly PlanEvaluator _fit = new(input.Problem(input.Fit), input.Trace, input.Fit);
    readonly PlanEvaluator? _test = input.Test.Length == 0 ? null : new PlanEvaluator(input.Problem(input.Test), input.Trace, input.Test);

    /// <summary>Candidates in the order of the solvers; one that cannot solve the problem says why.</summary>
    public IReadOnlyList<Candidate> Run(IReadOnlyList<IPlacementSolver> solvers, TextWriter log, CancellationToken cancellation)
    {
        var candidates = new List<Candidate>();
        foreach (var solver in solvers)
        {
            candidates.Add(Run(solver, cancellation));
            log.WriteLine(candidates[^1].Solution is null ? $"  {solver.Name,-20} {candidates[^1].Failure}" : Line(candidates[^1]));
        }
        var balance = new PlanBalance(_problem, candidates.Select(c => c.Solution?.LayerBounds).OfType<IReadOnlyList<double>>());
        var contiguous = new ContiguousSolver().Solve(_problem, cancellation).Layers;
        var reference = (_fit.Measure(contiguous), _test?.Measure(contiguous));
        return [.. candidates.Select(c => c.Solution is null ? c : Judged(c, balance, reference))];
    }

    Candidate Judged(Candidate candidate, PlanBalance balance, (PlanMeasures Fit, PlanMeasures? Test) reference)
    {
        var weights = PlanWeights.Parse(options.Objective, _problem);
        return candidate with
        {
            Balance = balance.Of(candidate.Method, candidate.Solution!.Layers),
            Objective = (weights.Of(candidate.Fit!, reference.Fit), _test is null ? null : weights.Of(candidate.Test!, reference.Test!)),
        };
    }

    Candidate Run(IPlacementSolver solver, CancellationToken cancellation)
    {
        var watch = Stopwatch.StartNew();
        try
        {
            var solution = solver.Solve(_problem, cancellation);
            var seconds = watch.Elapsed.TotalSeconds;
            return new Candidate(solver.Name, solution, _fit.Measure(solution.Layers), _test?.Measure(solution.Layers))
            {
                Before = solution.BeforeAssignment is { } before ? (_fit.Measure(before), _test?.Measure(before)) : null,
                Balance = new PlanBalance(_problem, solution.LayerBounds is { } proved ? [proved] : []).Of(solver.Name, solution.Layers),
                Seconds = seconds,
            };
        }
        catch (UserError error)
        {
            return new Candidate(solver.Name, null, null, null) { Failure = error.Message };
        }
    }

    static string Line(Candidate c) =>
        $"  {c.Method,-20} {Both(c, m => m.MaxOverMean, 3),-16} {Units.Percent(c.Balance!.Gap),-9} {Both(c, m => m.FlowBusiest, 0),-20} {Both(c, m => m.HomeCopies, 2),-16} {Units.Seconds(c.Seconds)}";

    static string Both(Candidate c, Func<PlanMeasures, double> measure, int digits) =>
        $"{Units.Number(measure(c.Fit!), digits)} / {Units.Number(c.Test is null ? double.NaN : measure(c.Test), digits)}";
}
