using OnnxMoe.Artifacts.Placement;
using OnnxMoe.Artifacts.Routing;
using OnnxMoe.Placement.Clusters;
using OnnxMoe.Placement.Statistics;

namespace OnnxMoe.Placement.Costs;

/// <summary>
/// Measures plans on one set of tokens, under both models of communication: flow (a token moves from the GPU of its expert to
/// the GPU of its next layer's expert; the paper's) and home (each layer sends the token from its home GPU to its experts and back).
/// A layer that passes its experts several times moves the token so often in both; its work is counted as if the passes ran as one.
/// </summary>
/// <param name="problem">Statistics of the tokens, cluster, sizes.</param>
/// <param name="trace">The trace, or null for expert counts.</param>
/// <param name="tokens">Numbers of the tokens in the trace.</param>
public sealed class PlanEvaluator(PlacementProblem problem, RoutingTrace? trace, IReadOnlyList<int> tokens)
{
    Cluster Cluster => problem.Cluster;

    /// <summary>Measures a plan.</summary>
    public PlanMeasures Measure(IReadOnlyList<PlacedLayer> layers)
    {
        var loads = layers.Select((layer, l) => DeviceShares.Load(layer, problem.Statistics.Load[l])).ToArray();
        var speeds = Cluster.Speeds;
        var slowest = loads.Select(load => DeviceShares.Slowest(load, speeds)).ToArray();
        var ratios = loads.Zip(slowest, (load, time) => time / load.Average()).ToArray();
        var measures = new PlanMeasures
        {
            Makespan = slowest.Sum(),
            MaxOverMean = ratios.Average(),
            WorstMaxOverMean = ratios.Max(),
            Deviation = loads.Sum(load => load.Sum(x => Math.Abs(x - load.Average()))),
        };
        var compute = ComputeSeconds(loads);
        return WithHome(WithFlow(measures, layers, compute), layers, compute);
    }

    /// <summary>Tokens that go from GPU to GPU between neighbouring layers and iterations, summed over all [G][G]; empty for expert counts.</summary>
    public double[][] FlowTotal(IReadOnlyList<PlacedLayer> layers)
    {
        if (problem.Statistics.Steps is not { } steps)
            return [];
        var total = Enumerable.Range(0, problem.Gpus).Select(_ => new double[problem.Gpus]).ToArray();
        foreach (var (from, to, moved) in steps)
        {
            var step = DeviceShares.Flow(layers[from], layers[to], moved);
            for (var i = 0; i < step.Length; i++)
                total[i / problem.Gpus][i % problem.Gpus] += step[i / problem.Gpus, i % problem.Gpus];
        }
        return total;
    }

    /// <summary>Flow model: the busiest pair of GPUs in one step, in tokens on the fastest link.</summary>
    public double BusiestFlow(IReadOnlyList<PlacedLayer> layers, RoutingStep step) => Busiest(DeviceShares.Flow(layers[step.From], layers[step.To], step.Tokens));

    /// <summary>Home model: copies of the evaluator's tokens that go to other GPUs in one iteration of a layer; needs a trace.</summary>
    /// <param name="layer">Where the layer's experts are.</param>
    /// <param name="site">Index of the iteration in the trace.</param>
    public double HomeCopies(PlacedLayer layer, int site)
    {
        var visits = Visits(layer, site).Gpus;
        return Cluster.Pairs().Sum(pair => visits[pair.From][pair.To]);
    }

    PlanMeasures WithFlow(PlanMeasures measures, IReadOnlyList<PlacedLayer> layers, double compute)
    {
        if (problem.Statistics.Steps is not { Count: > 0 } steps)
            return measures;
        var (busiest, seconds, all, remote, between, cost) = (0.0, 0.0, 0.0, 0.0, 0.0, 0.0);
        foreach (var (from, to, moved) in steps)
        {
            var step = DeviceShares.Flow(layers[from], layers[to], moved);
            all += step.Cast<double>().Sum();
            remote += Cluster.Pairs().Sum(p => step[p.From, p.To]);
            between += Cluster.Pairs().Where(p => Cluster.Devices[p.From].Node != Cluster.Devices[p.To].Node).Sum(p => step[p.From, p.To]);
            cost += Cluster.Pairs().Sum(p => step[p.From, p.To] * Cluster.FastestBandwidth / Cluster.Bandwidth(p.From, p.To));
            busiest += Busiest(step);
            seconds += Seconds(step);
        }
        return measures with { FlowCost = cost, FlowBusiest = busiest, FlowRemote = remote / all, FlowBetweenNodes = between / all, FlowSeconds = compute + seconds };
    }

    PlanMeasures WithHome(PlanMeasures measures, IReadOnlyList<PlacedLayer> layers, double compute)
    {
        if (trace is null || tokens.Count == 0)
            return measures;
        var (copies, nodeCopies, busiest, seconds) = (0.0, 0.0, 0.0, 0.0);
        var sites = problem.Statistics.LayerOfSite;
        for (var site = 0; site < sites.Count; site++)
        {
            var (visits, nodeVisits) = Visits(layers[sites[site]], site);
            var pairs = new double[problem.Gpus, problem.Gpus];
            foreach (var (from, to) in Cluster.Pairs())
            {
                copies += visits[from][to];
                pairs[from, to] = visits[from][to] + visits[to][from]; // dispatch to `to`, combine back from `from`
            }
            nodeCopies += nodeVisits.Select((nodes, home) => nodes.Where((_, node) => node != Cluster.Devices[home].Node).Sum()).Sum();
            busiest += Busiest(pairs);
            seconds += Seconds(pairs);
        }
        return measures with
        {
            HomeCopies = copies / tokens.Count / sites.Count,
            HomeNodeCopies = nodeCopies / tokens.Count / sites.Count,
            HomeBusiest = busiest,
            HomeSeconds = compute + seconds,
        };
    }

    /// <summary>
    /// How many tokens of each home see each GPU and each node in an iteration of a layer, by the rule that serving follows
    /// (<see cref="TokenRoutes"/>). Homes are spread evenly, so each token counts 1 / G for every home.
    /// </summary>
    (double[][] Gpus, double[][] Nodes) Visits(PlacedLayer layer, int site)
    {
        var routes = new TokenRoutes(layer);
        var homes = Enumerable.Range(0, routes.HasCopies ? problem.Gpus : 1).Select(home => VisitsFrom(home, routes, site)).ToArray();
        return ([.. Of(home => home.Gpus)], [.. Of(home => home.Nodes)]);

        // Without copies it makes no difference where a token comes from.
        IEnumerable<double[]> Of(Func<(double[] Gpus, double[] Nodes), double[]> part) => Enumerable.Range(0, problem.Gpus).Select(home => part(homes[home % homes.Length]));
    }

    (double[] Gpus, double[] Nodes) VisitsFrom(int home, TokenRoutes routes, int site)
    {
        var (gpus, nodes) = (new double[problem.Gpus], new double[Cluster.Nodes]);
        var (gpuSeen, nodeSeen) = (new int[problem.Gpus], new int[Cluster.Nodes]); // the last token that did, counted from 1
        for (var i = 0; i < tokens.Count; i++)
        {
            foreach (var expert in trace!.Ids(site, tokens[i]))
            {
                if (expert < 0)
                    continue;
                var gpu = routes.DeviceOf(expert, home, tokens[i]);
                var node = Cluster.Devices[gpu].Node;
                if (gpuSeen[gpu] != i + 1)
                    gpus[gpu]++;
                if (nodeSeen[node] != i + 1)
                    nodes[node]++;
                (gpuSeen[gpu], nodeSeen[node]) = (i + 1, i + 1);
            }
        }
        return ([.. gpus.Select(count => count / problem.Gpus)], [.. nodes.Select(count => count / problem.Gpus)]);
    }

    double Busiest(double[,] tokensOf) =>
        Cluster.Pairs().Select(p => tokensOf[p.From, p.To] * Cluster.FastestBandwidth / Cluster.Bandwidth(p.From, p.To)).DefaultIfEmpty(0).Max();

    double Seconds(double[,] tokensOf) =>
        Cluster.Pairs().Where(p => tokensOf[p.From, p.To] > 0)
            .Select(p => Cluster.Latency(p.From, p.To) + tokensOf[p.From, p.To] * problem.Sizes.TokenBytes / Cluster.Bandwidth(p.From, p.To)).DefaultIfEmpty(0).Max();

    /// <summary>Seconds of expert work, the slowest GPU in each layer; NaN where operations or speeds are unknown.</summary>
    double ComputeSeconds(double[][] loads) =>
        Cluster.Devices.Any(d => d.Flops == 0) || problem.Sizes.ExpertFlops.Any(f => f == 0) ? double.NaN
            : loads.Select((load, l) => load.Select((x, g) => x * problem.Sizes.ExpertFlops[l] / Cluster.Devices[g].Flops).Max()).Sum();
}
