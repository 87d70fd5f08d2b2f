using OnnxMoe.Artifacts.Placement;
using OnnxMoe.Artifacts.Routing;
using OnnxMoe.Placement.Solvers;
using OnnxMoe.Placement.Statistics;

namespace OnnxMoe.Placement.Search;

/// <summary>
/// A plan with one copy of each expert whose measures are kept up to date while experts move: a move costs about the tokens of the
/// expert and the pairs of GPUs, not a new evaluation of the plan.
/// </summary>
public sealed class PlanState
{
    readonly PlacementProblem _problem;
    readonly double[] _speeds;
    readonly double[,] _price;
    readonly int[][] _gpuOf;
    readonly int[][] _sizes;
    readonly double[][] _load;
    readonly StepTraffic[] _steps;
    readonly List<int>[] _stepsOf;
    readonly SiteVisits[] _sites;
    readonly List<int>[] _sitesOf;

    /// <param name="problem">Statistics, cluster and sizes.</param>
    /// <param name="trace">The trace whose visits are counted; null where there is none, or visits do not matter.</param>
    /// <param name="tokens">Its tokens.</param>
    /// <param name="layers">Where the experts are, one copy each.</param>
    public PlanState(PlacementProblem problem, RoutingTrace? trace, IReadOnlyList<int> tokens, IReadOnlyList<PlacedLayer> layers)
    {
        _problem = problem;
        _speeds = problem.Cluster.Speeds;
        _price = new double[problem.Gpus, problem.Gpus];
        foreach (var (from, to) in problem.Cluster.Pairs())
            _price[from, to] = problem.Cluster.FastestBandwidth / problem.Cluster.Bandwidth(from, to);
        _gpuOf = [.. layers.Select(layer => layer.Homes().Select(homes => homes[0]).ToArray())];
        _sizes = [.. layers.Select(layer => layer.Devices.Select(d => d.Count).ToArray())];
        _load = [.. layers.Select((layer, l) => Costs.DeviceShares.Load(layer, problem.Statistics.Load[l]))];
        _steps = [.. (problem.Statistics.Steps ?? []).Select(step => new StepTraffic(step, _gpuOf, problem.Gpus))];
        _stepsOf = Of(problem.Layers, _steps.Length, s => [_steps[s].Step.From, _steps[s].Step.To]);
        var sites = trace is null ? [] : problem.Statistics.LayerOfSite;
        _sites = [.. sites.Select((l, site) => new SiteVisits(trace!, site, tokens, _gpuOf[l], problem.Cluster))];
        _sitesOf = Of(problem.Layers, sites.Count, site => [sites[site]]);
    }

    /// <summary>GPU of each expert [L][E].</summary>
    public IReadOnlyList<IReadOnlyList<int>> GpuOf => _gpuOf;

    /// <summary>Experts on each GPU [L][G].</summary>
    public IReadOnlyList<IReadOnlyList<int>> Sizes => _sizes;

    /// <summary>The plan as it stands.</summary>
    public PlacedLayer[] Layers => [.. _gpuOf.Select((gpuOf, l) => PlacementSolution.Layer(_problem.Statistics.Layers[l].Layer, gpuOf, _problem.Gpus))];

    /// <summary>All measures.</summary>
    public PlanTerms Terms() => Enumerable.Range(0, _problem.Layers).Aggregate(default(PlanTerms), (sum, l) => sum + LayerTerms(l)) + Traffic(Enumerable.Range(0, _steps.Length));

    /// <summary>The part of the measures that moves in a layer change.</summary>
    public PlanTerms Near(int layer) => LayerTerms(layer) + Traffic(_stepsOf[layer]);

    /// <summary>Puts an expert on another GPU.</summary>
    public void Move(int layer, int expert, int gpu)
    {
        var from = _gpuOf[layer][expert];
        if (from == gpu)
            return;
        foreach (var s in _stepsOf[layer])
            _steps[s].Move(layer, expert, from, gpu, _gpuOf);
        foreach (var site in _sitesOf[layer])
            _sites[site].Move(expert, from, gpu);
        var load = _problem.Statistics.Load[layer][expert];
        _load[layer][from] -= load;
        _load[layer][gpu] += load;
        _sizes[layer][from]--;
        _sizes[layer][gpu]++;
        _gpuOf[layer][expert] = gpu;
    }

    /// <summary>Two experts of a layer change places.</summary>
    public void Swap(int layer, int first, int second)
    {
        var (a, b) = (_gpuOf[layer][first], _gpuOf[layer][second]);
        Move(layer, first, b);
        Move(layer, second, a);
    }

    PlanTerms LayerTerms(int l)
    {
        var (balance, copies, nodes, home) = (0.0, 0L, 0L, 0.0);
        for (var g = 0; g < _speeds.Length; g++)
            balance = Math.Max(balance, _load[l][g] / _speeds[g]);
        foreach (var site in _sitesOf[l])
            (copies, nodes, home) = (copies + _sites[site].Gpus, nodes + _sites[site].Nodes, home + _sites[site].Busiest(_price));
        return new PlanTerms(balance, 0, 0, copies, nodes, home);
    }

    PlanTerms Traffic(IEnumerable<int> steps)
    {
        var (busiest, remote) = (0.0, 0.0);
        foreach (var s in steps)
        {
            var most = 0.0;
            var flow = _steps[s].Flow;
            for (var a = 0; a < _speeds.Length; a++)
            {
                for (var b = 0; b < _speeds.Length; b++)
                {
                    var cost = flow[a, b] * _price[a, b];
                    remote += cost;
                    most = Math.Max(most, cost);
                }
            }
            busiest += most;
        }
        return new PlanTerms(0, busiest, remote, 0, 0, 0);
    }

    static List<int>[] Of(int layers, int count, Func<int, int[]> layersOf)
    {
        var result = Enumerable.Range(0, layers).Select(_ => new List<int>()).ToArray();
        for (var i = 0; i < count; i++)
        {
            foreach (var l in layersOf(i).Distinct())
                result[l].Add(i);
        }
        return result;
    }
}
