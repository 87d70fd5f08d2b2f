using OnnxMoe.Artifacts;
using OnnxMoe.Artifacts.Routing;

namespace OnnxMoe.Placement.Statistics;

/// <summary>
/// What the planner knows about the routing: P[l][e], the (token, slot) pairs of each expert, and R[l][e1, e2], the tokens with
/// e1 in layer l and e2 in the next routed layer (a token counts for each of its K x K pairs).
/// </summary>
public sealed class RoutingStatistics
{
    RoutingStatistics(IReadOnlyList<TracedLayer> layers, long[][] load, long[][,]? flow, long tokens) =>
        (Layers, Load, Flow, Tokens) = (layers, load, flow, tokens);

    /// <summary>The routed layers in ascending order.</summary>
    public IReadOnlyList<TracedLayer> Layers { get; }

    /// <summary>P: per layer the routed pairs of each expert.</summary>
    public long[][] Load { get; }

    /// <summary>R: per layer but the last the tokens of each pair of experts [E, E of the next layer]; null for expert counts, which do not link layers.</summary>
    public long[][,]? Flow { get; }

    /// <summary>How many tokens were counted; 0 for expert counts.</summary>
    public long Tokens { get; }

    /// <summary>Numbers of the layers that no token reached; each is planned as if its experts were used evenly.</summary>
    public IReadOnlyList<int> EmptyLayers { get; private init; } = [];

    /// <summary>Counts the tokens of <paramref name="trace"/> whose numbers are in <paramref name="tokens"/>.</summary>
    public static RoutingStatistics Of(RoutingTrace trace, IReadOnlyList<int> tokens)
    {
        var load = trace.Layers.Select(l => new long[l.Experts]).ToArray();
        var flow = Enumerable.Range(0, trace.Layers.Count - 1).Select(l => new long[trace.Layers[l].Experts, trace.Layers[l + 1].Experts]).ToArray();
        foreach (var token in tokens)
        {
            for (var l = 0; l < load.Length; l++)
            {
                foreach (var expert in trace.Ids(l, token))
                {
                    if (expert < 0)
                        continue;
                    load[l][expert]++;
                    if (l == flow.Length)
                        continue;
                    foreach (var next in trace.Ids(l + 1, token))
                    {
                        if (next >= 0)
                            flow[l][expert, next]++;
                    }
                }
            }
        }
        return Filled(trace.Layers, load, flow, tokens.Count);
    }

    /// <summary>Statistics of expert counts alone.</summary>
    public static RoutingStatistics Of(ExpertCounts counts)
    {
        if (counts.Counts.SelectMany(l => l).Any(c => c < 0))
            throw new UserError($"The expert counts '{counts.Name}' have a negative number; counts start at 0.");
        var layers = counts.Counts.Select((layer, l) => new TracedLayer(l, layer.Count, 1)).ToArray();
        return Filled(layers, [.. counts.Counts.Select(l => l.ToArray())], null, 0);
    }

    static RoutingStatistics Filled(IReadOnlyList<TracedLayer> layers, long[][] load, long[][,]? flow, long tokens)
    {
        var empty = Enumerable.Range(0, load.Length).Where(l => load[l].All(c => c == 0)).ToList();
        foreach (var l in empty)
            Array.Fill(load[l], 1);
        return new RoutingStatistics(layers, load, flow, tokens) { EmptyLayers = [.. empty.Select(l => layers[l].Layer)] };
    }
}
