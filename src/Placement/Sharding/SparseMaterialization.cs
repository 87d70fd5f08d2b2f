using OnnxMoe.Artifacts;
using OnnxMoe.Artifacts.Placement;
using OnnxMoe.Placement.Clusters;

namespace OnnxMoe.Placement.Sharding;

/// <summary>
/// Hecate's algorithm 1 (arXiv 2502.02581): which experts get copies for one iteration, and where. The paper does not print how shares
/// become whole numbers; here the largest remainders are rounded up.
/// </summary>
public static class SparseMaterialization
{
    /// <summary>The sharded placement and the copies: at most <paramref name="copies"/> on a device, of at most <paramref name="overlap"/> different experts.</summary>
    /// <param name="owned">Each expert on one device.</param>
    /// <param name="load">Expected tokens of each expert [E].</param>
    /// <param name="overlap">t: how many experts' weights travel unnoticed.</param>
    /// <param name="copies">m: how many further experts fit on a device.</param>
    /// <param name="cluster">The devices and their nodes.</param>
    /// <exception cref="UserError">t or m is negative, or an expert has no owner.</exception>
    public static PlacedLayer Plan(PlacedLayer owned, IReadOnlyList<double> load, int overlap, int copies, Cluster cluster)
    {
        if (overlap < 0 || copies < 0)
            throw new UserError($"The overlap degree is {overlap} and the copies of a device are {copies}; neither can be below 0.");
        var owners = ExpertShards.Owners(owned);
        var t = Math.Min(overlap, owned.Experts);
        var m = Math.Min(copies, t);
        var top = ExpertShards.ByLoad(load).Take(t).ToArray();
        if (m == 0)
            return owned;
        return ExpertShards.With(owned, t <= copies
            ? top.SelectMany(e => Enumerable.Range(0, cluster.Devices.Count).Where(d => d != owners[e]).Select(d => (d, e)))
            : Shared(top, Shares(top, load, cluster.Devices.Count, m), owners, m, cluster));
    }

    /// <summary>How many of the D * m slots each of the top experts gets: by load, whole by largest remainders, never more than the devices that lack it.</summary>
    /// <param name="top">Experts, heaviest first.</param>
    /// <param name="load">Of all experts [E].</param>
    /// <param name="devices">D.</param>
    /// <param name="copies">m.</param>
    internal static int[] Shares(IReadOnlyList<int> top, IReadOnlyList<double> load, int devices, int copies)
    {
        var (slots, sum) = (devices * copies, top.Sum(e => load[e]));
        if (sum <= 0)
            return new int[top.Count];
        var exact = top.Select(e => Math.Min(slots * load[e] / sum, devices - 1)).ToArray();
        var whole = exact.Select(share => (int)share).ToArray();
        var rest = Math.Min(slots, (int)Math.Round(exact.Sum())) - whole.Sum();
        foreach (var i in Enumerable.Range(0, top.Count).Where(i => exact[i] > whole[i]).OrderByDescending(i => exact[i] - whole[i]).ThenBy(i => top[i]).Take(Math.Max(0, rest)))
            whole[i]++;
        return whole;
    }

    /// <summary>Expert after expert, copy after copy: to the node with most free slots, there to the device with most.</summary>
    static List<(int Device, int Expert)> Shared(int[] top, int[] shares, int[] owners, int copies, Cluster cluster)
    {
        var free = Enumerable.Repeat(copies, cluster.Devices.Count).ToArray();
        var freeOfNode = cluster.Devices.GroupBy(device => device.Node).OrderBy(node => node.Key).Select(node => node.Count() * copies).ToArray();
        var placed = new List<(int, int)>();
        for (var i = 0; i < top.Length; i++)
        {
            var open = Enumerable.Range(0, free.Length).Where(d => d != owners[top[i]] && free[d] > 0).ToHashSet();
            for (var n = 0; n < shares[i] && open.Count > 0; n++)
            {
                var device = open.MinBy(d => (-freeOfNode[cluster.Devices[d].Node], cluster.Devices[d].Node, -free[d], d));
                open.Remove(device);
                free[device]--;
                freeOfNode[cluster.Devices[device].Node]--;
                placed.Add((device, top[i]));
            }
        }
        return placed;
    }
}
