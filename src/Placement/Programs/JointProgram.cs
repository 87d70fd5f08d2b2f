using OnnxMoe.Placement.Search;

namespace OnnxMoe.Placement.Programs;

/// <summary>
/// All layers, balance and traffic, in one integer program, for instances that allow it: x[l, e, g] = expert e of layer l is on GPU
/// g. The products of neighbouring layers are linear in w[e1, g1, e2, g2], whose sums over either GPU are the x of the other
/// expert, so that w is their product wherever the x are whole. A token's visit of a GPU is at least the x of each of its experts.
/// </summary>
sealed class JointProgram : IDisposable
{
    /// <summary>A program with more variables than this is not built.</summary>
    public const long MostVariables = 8_000;

    readonly IntegerProgram _program;
    readonly PlacementProblem _problem;
    readonly List<(double, int)> _terms = [];
    readonly int[][,] _x;

    /// <param name="problem">Statistics, cluster, sizes.</param>
    /// <param name="objective">Weights, and the running plan if there is one.</param>
    /// <param name="hint">A plan to start from [L][E].</param>
    /// <param name="slack">By how much the memory equation may be missed.</param>
    /// <param name="engine">Engine of OR-Tools.</param>
    /// <param name="options">Threads and seed.</param>
    public JointProgram(PlacementProblem problem, WeightedObjective objective, IReadOnlyList<IReadOnlyList<int>> hint, long slack, string engine, PlaceOptions options)
    {
        (_problem, _program) = (problem, new IntegerProgram(engine, options.Threads, options.Seed));
        var (weights, reference) = (objective.Weights, objective.Reference);
        _x = [.. problem.Statistics.Layers.Select((layer, l) => Layer(layer.Experts, hint[l], reference.Balance > 0 ? weights.Balance / reference.Balance : 0, l))];
        Memory(slack);
        if (objective.Running is { } running && objective.MostMovedBytes < long.MaxValue)
            Moves(running, objective.MostMovedBytes);
        foreach (var step in weights.Flow + weights.Remote > 0 ? problem.Statistics.Steps ?? [] : [])
            Traffic(step, reference.Flow > 0 ? weights.Flow / reference.Flow : 0, reference.Remote > 0 ? weights.Remote / reference.Remote : 0);
        for (var site = 0; problem.Trace is not null && weights.NeedsVisits && site < problem.Statistics.LayerOfSite.Count; site++)
            Visits(site, reference.Copies > 0 ? weights.Copies / reference.Copies : 0, reference.Nodes > 0 ? weights.Nodes / reference.Nodes : 0, reference.Home > 0 ? weights.Home / reference.Home : 0);
    }

    /// <summary>How many variables the program would have.</summary>
    public static long Variables(PlacementProblem problem, PlanWeights weights)
    {
        long gpus = problem.Gpus, count = problem.Statistics.Layers.Sum(l => l.Experts * gpus);
        if (weights.Flow + weights.Remote > 0)
            count += (problem.Statistics.Steps ?? []).Sum(s => s.Tokens.Cast<long>().Count(t => t > 0) * gpus * gpus);
        if (problem.Trace is not null && weights.NeedsVisits)
            count += Enumerable.Range(0, problem.Statistics.LayerOfSite.Count).Sum(site => Sets(problem, site).Count * (gpus + problem.Cluster.Nodes));
        return count;
    }

    /// <summary>Solves it; GPU of each expert [L][E], empty without an answer.</summary>
    public (int[][] GpuOf, ProgramResult Result) Solve(double gap, TimeSpan limit, CancellationToken cancellation)
    {
        var result = _program.Minimize(_terms, gap, limit, cancellation, whole: false);
        return (!result.HasAnswer ? [] : [.. _x.Select(x => Enumerable.Range(0, x.GetLength(0)).Select(e => Enumerable.Range(0, _problem.Gpus).First(g => result.Values[x[e, g]] > 0.5)).ToArray())], result);
    }

    public void Dispose() => _program.Dispose();

    int[,] Layer(int experts, IReadOnlyList<int> hint, double weight, int l)
    {
        var (gpus, speeds, load) = (_problem.Gpus, _problem.Cluster.Speeds, _problem.Statistics.Load[l]);
        var x = new int[experts, gpus];
        for (var e = 0; e < experts; e++)
        {
            for (var g = 0; g < gpus; g++)
                x[e, g] = _program.Bool(hint[e] == g);
            _program.Row(1, 1, [.. Enumerable.Range(0, gpus).Select(g => (1.0, x[e, g]))]);
        }
        for (var g = 0; g < gpus; g++)
            _program.Row(1, experts, [.. Enumerable.Range(0, experts).Select(e => (1.0, x[e, g]))]);
        if (weight <= 0)
            return x;
        var slowest = _program.Real(0, load.Sum() / speeds.Min(), load.Sum() / speeds.Min());
        _terms.Add((weight, slowest));
        for (var g = 0; g < gpus; g++)
            _program.Row(0, double.PositiveInfinity, [(1, slowest), .. Enumerable.Range(0, experts).Where(e => load[e] > 0).Select(e => (-load[e] / speeds[g], x[e, g]))]);
        return x;
    }

    void Memory(long slack)
    {
        var (rule, units) = (_problem.Memory, _problem.Sizes.ExpertUnits);
        for (var g = 0; g < _problem.Gpus; g++)
        {
            var held = from l in Enumerable.Range(0, _x.Length) from e in Enumerable.Range(0, _x[l].GetLength(0)) select ((double)units[l], _x[l][e, g]);
            _program.Row(Math.Max(0, rule.Lowest - slack), Math.Min(rule.Capacity[g], rule.Highest + slack), [.. held]);
        }
    }

    /// <summary>The experts that stay keep all but the allowed bytes in place.</summary>
    void Moves(IReadOnlyList<Artifacts.Placement.PlacedLayer> running, long most)
    {
        var (stay, all) = (new List<(double, int)>(), 0.0);
        for (var l = 0; l < _x.Length; l++)
        {
            var homes = running[l].Homes();
            for (var e = 0; e < homes.Length; e++)
            {
                stay.Add((_problem.Sizes.ExpertBytes[l], _x[l][e, homes[e][0]]));
                all += _problem.Sizes.ExpertBytes[l];
            }
        }
        _program.Row(all - most, double.PositiveInfinity, [.. stay]);
    }

    void Traffic(Statistics.RoutingStep step, double flow, double remote)
    {
        var (gpus, cluster) = (_problem.Gpus, _problem.Cluster);
        var (from, to) = (_x[step.From], _x[step.To]);
        var pairs = new List<(double Tokens, int Variable)>[gpus, gpus];
        for (var i = 0; i < gpus * gpus; i++)
            pairs[i / gpus, i % gpus] = [];
        for (var e1 = 0; e1 < from.GetLength(0); e1++)
        {
            for (var e2 = 0; e2 < to.GetLength(0); e2++)
            {
                if (step.Tokens[e1, e2] == 0)
                    continue;
                var w = new int[gpus, gpus];
                for (var i = 0; i < gpus * gpus; i++)
                {
                    w[i / gpus, i % gpus] = _program.Real(0, 1, 0);
                    pairs[i / gpus, i % gpus].Add((step.Tokens[e1, e2], w[i / gpus, i % gpus]));
                }
                for (var g = 0; g < gpus; g++)
                {
                    _program.Row(0, 0, [(-1, from[e1, g]), .. Enumerable.Range(0, gpus).Select(g2 => (1.0, w[g, g2]))]);
                    _program.Row(0, 0, [(-1, to[e2, g]), .. Enumerable.Range(0, gpus).Select(g1 => (1.0, w[g1, g]))]);
                }
            }
        }
        var busiest = _program.Real(0, double.PositiveInfinity, 0);
        _terms.Add((flow, busiest));
        foreach (var (a, b) in cluster.Pairs())
        {
            var price = cluster.FastestBandwidth / cluster.Bandwidth(a, b);
            _program.Row(0, double.PositiveInfinity, [(1, busiest), .. pairs[a, b].Select(p => (-p.Tokens * price, p.Variable))]);
            if (remote > 0)
                _terms.AddRange(pairs[a, b].Select(p => (remote * p.Tokens * price, p.Variable)));
        }
    }

    void Visits(int site, double copies, double nodes, double home)
    {
        var x = _x[_problem.Statistics.LayerOfSite[site]];
        var visits = Enumerable.Range(0, _problem.Gpus).Select(_ => new List<(double Tokens, int Variable)>()).ToArray();
        foreach (var (experts, tokens) in Sets(_problem, site))
        {
            var node = Enumerable.Range(0, _problem.Cluster.Nodes).Select(_ => _program.Real(0, 1, 0)).ToArray();
            _terms.AddRange(node.Select(n => (nodes * tokens, n)));
            for (var g = 0; g < _problem.Gpus; g++)
            {
                var visit = _program.Real(0, 1, 0);
                _terms.Add((copies * tokens, visit));
                visits[g].Add((tokens, visit));
                foreach (var e in experts)
                {
                    _program.Row(0, double.PositiveInfinity, [(1, visit), (-1, x[e, g])]);
                    _program.Row(0, double.PositiveInfinity, [(1, node[_problem.Cluster.Devices[g].Node]), (-1, x[e, g])]);
                }
            }
        }
        if (home > 0)
            Busiest(visits, home);
    }

    /// <summary>Dispatch to one GPU and combine from the other, for the busiest pair.</summary>
    void Busiest(List<(double Tokens, int Variable)>[] visits, double weight)
    {
        var busiest = _program.Real(0, double.PositiveInfinity, 0);
        _terms.Add((weight, busiest));
        foreach (var (a, b) in _problem.Cluster.Pairs().Where(p => p.From < p.To))
        {
            var price = _problem.Cluster.FastestBandwidth / Math.Min(_problem.Cluster.Bandwidth(a, b), _problem.Cluster.Bandwidth(b, a)) / _problem.Gpus;
            _program.Row(0, double.PositiveInfinity, [(1, busiest), .. visits[a].Concat(visits[b]).Select(v => (-v.Tokens * price, v.Variable))]);
        }
    }

    /// <summary>The sets of experts that tokens have in a site, and how many tokens each.</summary>
    static List<(int[] Experts, int Tokens)> Sets(PlacementProblem problem, int site) =>
        [.. problem.Tokens.Select(token => problem.Trace!.Ids(site, token).ToArray().Where(e => e >= 0).Distinct().Order().ToArray())
            .GroupBy(experts => string.Join(',', experts)).Select(group => (group.First(), group.Count()))];
}
