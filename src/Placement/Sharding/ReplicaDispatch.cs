using OnnxMoe.Artifacts.Placement;
using OnnxMoe.Placement.Clusters;

namespace OnnxMoe.Placement.Sharding;

/// <summary>
/// Which copy of its expert a token goes to (Hecate, arXiv 2502.02581, section 3): the one on its own device; else evenly those in its
/// node; else evenly all. Evenly means round-robin in the order of the tokens, so that every device decides alike without asking.
/// </summary>
/// <param name="placed">The copies of a layer; each expert has at least one.</param>
/// <param name="cluster">The devices and their nodes.</param>
public sealed class ReplicaDispatch(PlacedLayer placed, Cluster cluster)
{
    readonly IReadOnlyList<int>[] _holders = placed.Homes();

    /// <summary>The devices that tokens of a device go to for an expert, each equally often.</summary>
    public IReadOnlyList<int> Targets(int source, int expert)
    {
        var holders = _holders[expert];
        if (holders.Count == 1)
            return holders;
        var near = new List<int>();
        foreach (var device in holders)
        {
            if (device == source)
                return [source];
            if (cluster.Devices[device].Node == cluster.Devices[source].Node)
                near.Add(device);
        }
        return near.Count > 0 ? near : holders;
    }

    /// <summary>The device of each token.</summary>
    /// <param name="tokens">Where each token is and which expert it wants, in the order of the tokens.</param>
    public int[] Route(IReadOnlyList<(int Source, int Expert)> tokens)
    {
        var turns = new Dictionary<(int, int), int>();
        var devices = new int[tokens.Count];
        for (var i = 0; i < devices.Length; i++)
        {
            var (source, expert) = tokens[i];
            var targets = Targets(source, expert);
            var turn = turns.GetValueOrDefault(tokens[i]);
            turns[tokens[i]] = turn + 1;
            // Each source begins with another copy, else the first one would get what remains of every source.
            devices[i] = targets[(turn + source) % targets.Count];
        }
        return devices;
    }

    /// <summary>Tokens from device to device [D, D] when the tokens of each expert are spread evenly over all devices.</summary>
    /// <param name="counts">Tokens of each expert [E], any fraction of them.</param>
    public double[,] Flows(IReadOnlyList<double> counts)
    {
        var devices = cluster.Devices.Count;
        var flows = new double[devices, devices];
        for (var expert = 0; expert < counts.Count; expert++)
        {
            for (var source = 0; counts[expert] > 0 && source < devices; source++)
            {
                var targets = Targets(source, expert);
                foreach (var target in targets)
                    flows[source, target] += counts[expert] / devices / targets.Count;
            }
        }
        return flows;
    }
}
