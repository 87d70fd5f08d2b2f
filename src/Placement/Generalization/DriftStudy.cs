using OnnxMoe.Artifacts;
using OnnxMoe.Artifacts.Routing;
using OnnxMoe.Placement.Costs;
using OnnxMoe.Placement.Solvers;

namespace OnnxMoe.Placement.Generalization;

/// <summary>
/// Does a plan hold on another kind of tokens? One method is fitted on each phase (prefill, decode) and each request, and measured
/// on every other: rows are what it was made from, columns what it meets.
/// </summary>
/// <param name="Groups">Names of the groups of tokens.</param>
/// <param name="MaxOverMean">Max / mean load [fitted on][measured on].</param>
public sealed record DriftStudy(IReadOnlyList<string> Groups, IReadOnlyList<IReadOnlyList<double>> MaxOverMean)
{
    const int MostRequests = 6;
    const int FewestTokens = 16;

    /// <summary>Runs it; null without a trace of several kinds of tokens.</summary>
    public static DriftStudy? Run(PlacementInput input, IPlacementSolver solver, CancellationToken cancellation)
    {
        if (input.Trace is not { } trace)
            return null;
        var groups = Kinds(trace, input.All);
        if (groups.Count < 2)
            return null;
        var rows = new List<IReadOnlyList<double>>();
        foreach (var (_, fit) in groups)
        {
            IReadOnlyList<Artifacts.Placement.PlacedLayer> plan;
            try
            {
                plan = solver.Solve(input.Problem(fit), cancellation).Layers;
            }
            catch (UserError)
            {
                return null;
            }
            rows.Add([.. groups.Select(group => new PlanEvaluator(input.Problem(group.Tokens), null, []).Measure(plan).MaxOverMean)]);
        }
        return new DriftStudy([.. groups.Select(group => group.Name)], rows);
    }

    static List<(string Name, int[] Tokens)> Kinds(RoutingTrace trace, int[] tokens)
    {
        var phases = tokens.GroupBy(t => trace.Phases[t]).Select(group => ($"{group.Key}".ToLowerInvariant(), group.ToArray())).ToList();
        var requests = tokens.GroupBy(t => trace.Requests[t]).Select(group => ($"request {group.Key}", group.ToArray())).ToList();
        return [.. (phases.Count > 1 ? phases : []).Concat(requests.Count is > 1 and <= MostRequests ? requests : []).Where(group => group.Item2.Length >= FewestTokens)];
    }
}
