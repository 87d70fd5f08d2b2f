using OnnxMoe.Artifacts.Placement;

namespace OnnxMoe.Placement.Costs;

/// <summary>How a plan spreads work over GPUs; the load of an expert with several copies is divided evenly among them.</summary>
public static class DeviceShares
{
    /// <summary>Share of each expert's load on each GPU [E, G]; rows sum to 1.</summary>
    public static double[,] Of(PlacedLayer layer)
    {
        var copies = layer.Copies();
        var shares = new double[layer.Experts, layer.Devices.Count];
        for (var g = 0; g < layer.Devices.Count; g++)
        {
            foreach (var expert in layer.Devices[g])
                shares[expert, g] += 1.0 / copies[expert];
        }
        return shares;
    }

    /// <summary>Load of each GPU [G].</summary>
    public static double[] Load(PlacedLayer layer, IReadOnlyList<long> load)
    {
        var shares = Of(layer);
        return [.. Enumerable.Range(0, layer.Devices.Count).Select(g => Enumerable.Range(0, layer.Experts).Sum(e => load[e] * shares[e, g]))];
    }

    /// <summary>Time of the GPU that takes longest, in tokens on a GPU of speed 1.</summary>
    public static double Slowest(IReadOnlyList<double> load, IReadOnlyList<double> speeds) => load.Select((x, g) => x / speeds[g]).Max();

    /// <summary>The paper's flow: tokens that go from each GPU to each GPU between two layers [G, G].</summary>
    public static double[,] Flow(PlacedLayer layer, PlacedLayer next, long[,] flow)
    {
        var (from, to) = (Of(layer), Of(next));
        var gpus = layer.Devices.Count;
        var half = new double[gpus, next.Experts];
        for (var e1 = 0; e1 < layer.Experts; e1++)
        {
            for (var g = 0; g < gpus; g++)
            {
                for (var e2 = 0; from[e1, g] > 0 && e2 < next.Experts; e2++)
                    half[g, e2] += from[e1, g] * flow[e1, e2];
            }
        }
        var result = new double[gpus, gpus];
        for (var e2 = 0; e2 < next.Experts; e2++)
        {
            for (var g2 = 0; g2 < gpus; g2++)
            {
                for (var g1 = 0; to[e2, g2] > 0 && g1 < gpus; g1++)
                    result[g1, g2] += half[g1, e2] * to[e2, g2];
            }
        }
        return result;
    }
}
