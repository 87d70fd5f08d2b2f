using OnnxMoe.Artifacts.Routing;

namespace OnnxMoe.Artifacts.Placement;

/// <summary>
/// How many tokens each device sends to each other one: for a layer (and each of its iterations) a token goes once from its home to every
/// other device that holds an expert it met, however many of its experts are there. As many results come back.
/// </summary>
/// <param name="Layer">Number of the layer in the model.</param>
/// <param name="Tokens">[from, to]; nothing on the diagonal.</param>
public sealed record TokenTraffic(int Layer, long[,] Tokens)
{
    /// <summary>All tokens sent.</summary>
    public long Total => Tokens.Cast<long>().Sum();

    /// <summary>What a plan makes of the tokens of a trace.</summary>
    /// <param name="plan">Where the experts are.</param>
    /// <param name="trace">The tokens.</param>
    /// <param name="homes">How many devices requests are at home on, the first ones; null for all.</param>
    /// <returns>For each layer of the plan.</returns>
    /// <exception cref="UserError">The trace is of another model.</exception>
    public static IReadOnlyList<TokenTraffic> Predict(PlacementPlan plan, RoutingTrace trace, int? homes = null)
    {
        PlacementCheck.Matches(plan, [.. trace.Layers.DistinctBy(site => site.Layer).Select(site => (site.Layer, site.Experts))], "The plan");
        var devices = plan.Devices.Count;
        var traffic = plan.Layers.Select(layer => new TokenTraffic(layer.Layer, new long[devices, devices])).ToArray();
        var routes = plan.Layers.Select(layer => new TokenRoutes(layer)).ToArray();
        var seen = new HashSet<int>();
        for (var site = 0; site < trace.Layers.Count; site++)
        {
            var layer = Array.FindIndex(traffic, known => known.Layer == trace.Layers[site].Layer);
            for (var token = 0; token < trace.Tokens; token++)
            {
                var (home, turn) = (TokenRoutes.HomeOf(trace.Requests[token], homes ?? devices), TokenRoutes.TurnOf(trace.Requests[token], homes ?? devices));
                seen.Clear();
                foreach (var expert in trace.Ids(site, token))
                {
                    if (expert >= 0 && routes[layer].DeviceOf(expert, home, turn) is var device && device != home && seen.Add(device))
                        traffic[layer].Tokens[home, device]++;
                }
            }
        }
        return traffic;
    }
}
