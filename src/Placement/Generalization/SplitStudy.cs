using OnnxMoe.Artifacts;
using OnnxMoe.Placement.Costs;
using OnnxMoe.Placement.Search;
using OnnxMoe.Placement.Solvers;
using OnnxMoe.Placement.Statistics;

namespace OnnxMoe.Placement.Generalization;

/// <summary>
/// Does a plan hold on tokens it was not made from? Every method is fitted on a random half of the blocks of tokens and measured on
/// the other half, several times. The halves of different splits overlap, so that the spread over splits is, if anything, too
/// small: what is not significant here surely is not.
/// </summary>
public sealed class SplitStudy(PlacementInput input, PlaceOptions options)
{
    /// <summary>The methods that solved every split, in the order of the solvers; empty without a trace or with too few tokens.</summary>
    /// <param name="solvers">Methods, from the simplest on.</param>
    /// <param name="cancellation">Stops the work.</param>
    public IReadOnlyList<SplitScores> Run(IReadOnlyList<IPlacementSolver> solvers, CancellationToken cancellation)
    {
        if (input.Trace is null || options.Splits == 0 || input.All.Length < 4 * options.BlockTokens)
            return [];
        var weights = PlanWeights.Parse(options.Objective, input.Problem(input.All));
        var scores = solvers.Select(solver => new SplitScores(solver.Name, [], [])).ToArray();
        var failed = new HashSet<string>();
        for (var split = 0; split < options.Splits; split++)
        {
            var (fit, test) = TokenSplit.Blocks(input.All, options.BlockTokens, options.Seed + split);
            var problem = input.Problem(fit);
            var (onFit, onTest) = (new PlanEvaluator(problem, input.Trace, fit), new PlanEvaluator(input.Problem(test), input.Trace, test));
            var contiguous = new ContiguousSolver().Solve(problem, cancellation).Layers;
            var (fitReference, testReference) = (onFit.Measure(contiguous), onTest.Measure(contiguous));
            for (var s = 0; s < solvers.Count; s++)
            {
                if (failed.Contains(solvers[s].Name) || Plan(solvers[s], problem, cancellation) is not { } plan)
                {
                    failed.Add(solvers[s].Name);
                    continue;
                }
                scores[s].Fit.Add(weights.Of(onFit.Measure(plan.Layers), fitReference));
                scores[s].Test.Add(weights.Of(onTest.Measure(plan.Layers), testReference));
            }
        }
        return [.. scores.Where(score => !failed.Contains(score.Method))];
    }

    static PlacementSolution? Plan(IPlacementSolver solver, PlacementProblem problem, CancellationToken cancellation)
    {
        try
        {
            return solver.Solve(problem, cancellation);
        }
        catch (UserError)
        {
            return null; // the comparison says why
        }
    }
}
