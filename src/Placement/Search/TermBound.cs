using OnnxMoe.Placement.Balance;

namespace OnnxMoe.Placement.Search;

/// <summary>What no plan with one copy of each expert can beat, measure by measure; together a bound on any weighted objective.</summary>
public static class TermBound
{
    /// <summary>
    /// Balance: <see cref="BalanceBound"/> of each layer. Copies and nodes: a token with any expert visits one at least. Traffic
    /// between layers: none, and none on the busiest pair, since clusters of any size may put a token's experts together; a weak bound, and the gap shows it.
    /// </summary>
    public static PlanTerms Of(PlacementProblem problem)
    {
        var balance = Layers(problem).Sum();
        var visits = problem.Trace is not { } trace ? 0 : Enumerable.Range(0, problem.Statistics.LayerOfSite.Count)
            .Sum(site => problem.Tokens.Count(token => trace.Ids(site, token).ContainsAnyExcept(-1)));
        return new PlanTerms(balance, 0, 0, visits, visits, 0);
    }

    /// <summary>The bound on each layer's balance [L], in tokens on a GPU of mean speed.</summary>
    public static double[] Layers(PlacementProblem problem) =>
        [.. problem.Statistics.Load.Select(load => BalanceBound.Of(BalanceProblem.Of(load, problem.Cluster.Speeds), double.PositiveInfinity))];
}
