using OnnxMoe.Artifacts;
using OnnxMoe.Artifacts.Routing;

namespace OnnxMoe.Placement.Statistics;

/// <summary>
/// What the planner knows about the routing: P[l][e], the (token, slot) pairs of each expert, and R[l][e1, e2], the tokens with
/// e1 in layer l and e2 in the next routed layer (a token counts for each of its K x K pairs). Where a layer passes its experts
/// several times, an expert's pairs are the sum over the iterations, R goes from the last of one layer to the first of the next, and
/// the steps from iteration to iteration are in <see cref="Steps"/> alone.
/// </summary>
public sealed class RoutingStatistics
{
    RoutingStatistics(IReadOnlyList<TracedLayer> layers, long[][] load, IReadOnlyList<RoutingStep>? steps, long tokens)
    {
        (Layers, Load, Steps, Tokens) = (layers, load, steps, tokens);
        Flow = steps?.Where(step => step.From != step.To).Select(step => step.Tokens).ToArray();
    }

    /// <summary>The routed layers in ascending order, each once, with the slots of all its iterations.</summary>
    public IReadOnlyList<TracedLayer> Layers { get; }

    /// <summary>The index in <see cref="Layers"/> of each layer and iteration of the trace; a layer each for expert counts.</summary>
    public IReadOnlyList<int> LayerOfSite { get; private init; } = [];

    /// <summary>P: per layer the routed pairs of each expert.</summary>
    public long[][] Load { get; }

    /// <summary>R: per layer but the last the tokens of each pair of experts [E, E of the next layer]; null for expert counts, which do not link layers.</summary>
    public long[][,]? Flow { get; }

    /// <summary>Each two choices that follow each other, one less than <see cref="LayerOfSite"/>; null for expert counts.</summary>
    public IReadOnlyList<RoutingStep>? Steps { get; }

    /// <summary>How many tokens were counted; 0 for expert counts.</summary>
    public long Tokens { get; }

    /// <summary>Numbers of the layers that no token reached; each is planned as if its experts were used evenly.</summary>
    public IReadOnlyList<int> EmptyLayers { get; private init; } = [];

    /// <summary>Counts the tokens of <paramref name="trace"/> whose numbers are in <paramref name="tokens"/>.</summary>
    public static RoutingStatistics Of(RoutingTrace trace, IReadOnlyList<int> tokens)
    {
        var layers = trace.Layers.GroupBy(site => site.Layer, (layer, sites) => new TracedLayer(layer, sites.First().Experts, sites.Sum(site => site.ExpertsPerToken))).ToArray();
        var layerOf = trace.Layers.Select(site => Array.FindIndex(layers, layer => layer.Layer == site.Layer)).ToArray();
        var load = layers.Select(l => new long[l.Experts]).ToArray();
        var steps = Enumerable.Range(0, layerOf.Length - 1)
            .Select(s => new RoutingStep(layerOf[s], layerOf[s + 1], new long[trace.Layers[s].Experts, trace.Layers[s + 1].Experts])).ToArray();
        foreach (var token in tokens)
        {
            for (var s = 0; s < layerOf.Length; s++)
            {
                foreach (var expert in trace.Ids(s, token))
                {
                    if (expert < 0)
                        continue;
                    load[layerOf[s]][expert]++;
                    if (s == steps.Length)
                        continue;
                    foreach (var next in trace.Ids(s + 1, token))
                    {
                        if (next >= 0)
                            steps[s].Tokens[expert, next]++;
                    }
                }
            }
        }
        return Filled(layers, load, steps, tokens.Count, layerOf);
    }

    /// <summary>Statistics of expert counts alone.</summary>
    public static RoutingStatistics Of(ExpertCounts counts)
    {
        if (counts.Counts.SelectMany(l => l).Any(c => c < 0))
            throw new UserError($"The expert counts '{counts.Name}' have a negative number; counts start at 0.");
        var layers = counts.Counts.Select((layer, l) => new TracedLayer(l, layer.Count, 1)).ToArray();
        return Filled(layers, [.. counts.Counts.Select(l => l.ToArray())], null, 0, [.. Enumerable.Range(0, layers.Length)]);
    }

    static RoutingStatistics Filled(IReadOnlyList<TracedLayer> layers, long[][] load, IReadOnlyList<RoutingStep>? steps, long tokens, int[] layerOf)
    {
        var empty = Enumerable.Range(0, load.Length).Where(l => load[l].All(c => c == 0)).ToList();
        foreach (var l in empty)
            Array.Fill(load[l], 1);
        return new RoutingStatistics(layers, load, steps, tokens) { EmptyLayers = [.. empty.Select(l => layers[l].Layer)], LayerOfSite = layerOf };
    }
}
