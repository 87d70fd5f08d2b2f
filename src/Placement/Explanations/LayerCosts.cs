using OnnxMoe.Artifacts.Placement;
using OnnxMoe.Artifacts.Routing;
using OnnxMoe.Placement.Costs;
using OnnxMoe.Placement.Statistics;

namespace OnnxMoe.Placement.Explanations;

/// <summary>What the placement of one layer's experts costs: the measures of the layer when an expert goes elsewhere, all else as planned.</summary>
public sealed class LayerCosts
{
    readonly PlacementProblem _problem;
    readonly RoutingTrace? _trace;
    readonly IReadOnlyList<PlacedLayer> _layers;
    readonly int _index;
    readonly IReadOnlyList<int>? _tokens;
    readonly List<RoutingStep> _steps;
    readonly List<int> _sites;
    readonly PlanEvaluator _evaluator;
    readonly List<int>[] _tokensOf;
    readonly double[] _speeds;

    /// <param name="problem">Statistics of the tokens, cluster, sizes.</param>
    /// <param name="trace">The trace, or null for expert counts.</param>
    /// <param name="tokens">Numbers of the tokens in the trace.</param>
    /// <param name="layers">The plan.</param>
    /// <param name="index">Index of the layer in the plan.</param>
    public LayerCosts(PlacementProblem problem, RoutingTrace? trace, IReadOnlyList<int> tokens, IReadOnlyList<PlacedLayer> layers, int index)
    {
        (_problem, _trace, _layers, _index, _tokens) = (problem, trace, layers, index, tokens);
        (_evaluator, _speeds) = (new PlanEvaluator(problem, trace, tokens), problem.Cluster.Speeds);
        _steps = [.. (problem.Statistics.Steps ?? []).Where(step => step.From == index || step.To == index)];
        _sites = trace is null ? [] : [.. Enumerable.Range(0, problem.Statistics.LayerOfSite.Count).Where(site => problem.Statistics.LayerOfSite[site] == index)];
        _tokensOf = TokensOfExperts();
        Now = new LayerMeasures(MaxOverMean(Layer), Flow(Layer), _sites.Count == 0 ? double.NaN : Copies(_evaluator, Layer) / Choices);
    }

    /// <summary>The layer as planned.</summary>
    public PlacedLayer Layer => _layers[_index];

    /// <summary>The measures as planned.</summary>
    public LayerMeasures Now { get; }

    double Choices => (double)_tokens!.Count * _sites.Count;

    /// <summary>The measures when the copy of an expert on one GPU moves to another that has none.</summary>
    public LayerMeasures Moved(int expert, int from, int to) => Measure(With((from, expert, null), (to, null, expert)), _tokensOf[expert]);

    /// <summary>The measures when two experts of the layer change places.</summary>
    public LayerMeasures Swapped(int expert, int from, int other, int to) =>
        Measure(With((from, expert, other), (to, other, expert)), [.. _tokensOf[expert].Union(_tokensOf[other])]);

    /// <summary>
    /// What it costs to move each expert to each GPU [E][G]: the measures then, of an expert with copies for the copy whose move
    /// costs least; null where the expert already is.
    /// </summary>
    public LayerMeasures?[][] Moves()
    {
        var homes = Layer.Homes();
        return [.. homes.Select((home, expert) => Enumerable.Range(0, _problem.Gpus).Select(to => home.Contains(to) ? null
            : home.Select(from => Moved(expert, from, to)).MinBy(measures => measures.CostAgainst(Now))).ToArray())];
    }

    /// <summary>The same as one number each [E][G], for a heat map: the sum of the relative changes, 0 where the expert is, below 0 where it would be better off.</summary>
    public double[][] MoveCosts() => [.. Moves().Select(row => row.Select(measures => measures?.CostAgainst(Now) ?? 0).ToArray())];

    LayerMeasures Measure(PlacedLayer layer, List<int> touched)
    {
        // Only tokens that meet the experts can change: the others would add the same to both sums.
        var evaluator = new PlanEvaluator(_problem, _trace, touched);
        return new(MaxOverMean(layer), Flow(layer), Now.HomeCopies + (_sites.Count == 0 ? 0 : (Copies(evaluator, layer) - Copies(evaluator, Layer)) / Choices));
    }

    double MaxOverMean(PlacedLayer layer)
    {
        var load = DeviceShares.Load(layer, _problem.Statistics.Load[_index]);
        return DeviceShares.Slowest(load, _speeds) / load.Average();
    }

    double Flow(PlacedLayer layer)
    {
        if (_steps.Count == 0)
            return double.NaN;
        PlacedLayer[] layers = [.. _layers];
        layers[_index] = layer;
        return _steps.Sum(step => _evaluator.BusiestFlow(layers, step));
    }

    double Copies(PlanEvaluator evaluator, PlacedLayer layer) => _sites.Sum(site => evaluator.HomeCopies(layer, site));

    PlacedLayer With(params IEnumerable<(int Gpu, int? Leaves, int? Comes)> changes)
    {
        List<int>[] devices = [.. Layer.Devices.Select(d => d.ToList())];
        foreach (var (gpu, leaves, comes) in changes)
        {
            if (leaves is { } one)
                devices[gpu].Remove(one);
            if (comes is { } expert)
                devices[gpu].Add(expert);
        }
        return Layer with { Devices = devices };
    }

    List<int>[] TokensOfExperts()
    {
        var tokensOf = Enumerable.Range(0, Layer.Experts).Select(_ => new List<int>()).ToArray();
        foreach (var (site, token) in _sites.Count == 0 ? [] : _tokens!.SelectMany(token => _sites.Select(site => (site, token))))
        {
            foreach (var expert in _trace!.Ids(site, token))
            {
                if (expert >= 0 && (tokensOf[expert].Count == 0 || tokensOf[expert][^1] != token))
                    tokensOf[expert].Add(token);
            }
        }
        return tokensOf;
    }
}
