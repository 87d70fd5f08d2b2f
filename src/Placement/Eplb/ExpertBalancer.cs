namespace OnnxMoe.Placement.Eplb;

/// <summary>
/// DeepSeek's expert-parallelism load balancer (github.com/deepseek-ai/EPLB, MIT): greedy packing and greedy replication, exact
/// and deterministic; the lowest index wins ties.
/// </summary>
public static class ExpertBalancer
{
    /// <summary>
    /// Packs n items into m bins of n/m items each, heaviest first, each into the lightest bin with room. With one item a bin,
    /// item i goes to bin i.
    /// </summary>
    /// <returns>Bin and place in the bin of each item.</returns>
    public static (int Bin, int Place)[] Pack(IReadOnlyList<double> weights, int bins)
    {
        if (bins < 1 || weights.Count % bins != 0)
            throw new ArgumentException($"{weights.Count} items do not fill {bins} bins evenly.");
        var room = weights.Count / bins;
        if (room == 1)
            return [.. Enumerable.Range(0, bins).Select(i => (i, 0))];
        var result = new (int, int)[weights.Count];
        var (load, used) = (new double[bins], new int[bins]);
        foreach (var item in Enumerable.Range(0, weights.Count).OrderByDescending(i => weights[i]))
        {
            var bin = Enumerable.Range(0, bins).Where(b => used[b] < room).MinBy(b => load[b]);
            result[item] = (bin, used[bin]++);
            load[bin] += weights[item];
        }
        return result;
    }

    /// <summary>Makes <paramref name="slots"/> copies of n experts: one each, then each further slot to the expert with the most load a copy.</summary>
    /// <returns>Expert of each slot, and the copies of each expert.</returns>
    public static (int[] Expert, int[] Copies) Replicate(IReadOnlyList<double> weights, int slots)
    {
        var expert = Enumerable.Range(0, slots).ToArray();
        var copies = Enumerable.Repeat(1, weights.Count).ToArray();
        for (var slot = weights.Count; slot < slots; slot++)
        {
            var hottest = Enumerable.Range(0, weights.Count).MaxBy(e => weights[e] / copies[e]);
            expert[slot] = hottest;
            copies[hottest]++;
        }
        return (expert, copies);
    }

    /// <summary>
    /// Places the experts of one layer: groups to nodes, copies inside each node, copies to the node's GPUs. Where nodes do not
    /// divide the groups, the same without nodes and groups.
    /// </summary>
    /// <param name="weights">Load of each expert [E]; groups divides E.</param>
    /// <param name="slots">Slots of the whole cluster; GPUs divide it.</param>
    /// <param name="groups">Groups of consecutive experts.</param>
    /// <param name="nodes">Nodes; divide the GPUs.</param>
    /// <param name="gpus">GPUs of all nodes.</param>
    /// <returns>Expert of each slot [slots]; GPU g has the slots from g * slots / gpus.</returns>
    public static int[] Place(IReadOnlyList<double> weights, int slots, int groups, int nodes, int gpus)
    {
        var experts = weights.Count;
        if (groups < 1 || experts % groups != 0)
            throw new ArgumentException($"{groups} groups do not divide {experts} experts.");
        if (slots % gpus != 0 || slots < experts)
            throw new ArgumentException($"{slots} slots must hold {experts} experts and fill {gpus} GPUs evenly.");
        if (gpus % nodes != 0 || groups % nodes != 0)
            (groups, nodes) = (1, 1);
        var groupSize = experts / groups;
        var groupLoad = Enumerable.Range(0, groups).Select(g => Enumerable.Range(g * groupSize, groupSize).Sum(e => weights[e])).ToArray();
        var nodeOfGroup = Pack(groupLoad, nodes);
        var result = new List<int>(slots);
        for (var node = 0; node < nodes; node++)
        {
            var members = Enumerable.Range(0, groups).Where(g => nodeOfGroup[g].Bin == node).OrderBy(g => nodeOfGroup[g].Place)
                .SelectMany(g => Enumerable.Range(g * groupSize, groupSize)).ToArray();
            result.AddRange(PlaceInNode(weights, members, slots / nodes, gpus / nodes));
        }
        return [.. result];
    }

    static IEnumerable<int> PlaceInNode(IReadOnlyList<double> weights, int[] members, int slots, int gpus)
    {
        var load = members.Select(e => weights[e]).ToArray();
        var (expert, copies) = Replicate(load, slots);
        var slotLoad = expert.Select(e => load[e] / copies[e]).ToArray();
        var packed = Pack(slotLoad, gpus);
        return Enumerable.Range(0, slots).OrderBy(s => packed[s]).Select(s => members[expert[s]]);
    }
}
