namespace OnnxMoe.Placement.Balance;

/// <summary>How many copies each expert gets.</summary>
public static class Replication
{
    /// <summary>
    /// One copy each, then each further slot to the expert with the most load a copy, up to one copy a GPU: the largest share is
    /// as small as it can be. The lowest index wins ties.
    /// </summary>
    /// <param name="load">Tokens of each expert [E].</param>
    /// <param name="slots">Copies together, at least E and at most E x GPUs.</param>
    /// <param name="gpus">Most copies of an expert.</param>
    public static int[] Greedy(IReadOnlyList<long> load, int slots, int gpus)
    {
        var copies = Enumerable.Repeat(1, load.Count).ToArray();
        var queue = new PriorityQueue<int, (double, int)>(Enumerable.Range(0, load.Count).Where(_ => gpus > 1).Select(e => (e, (-(double)load[e], e))));
        for (var slot = load.Count; slot < slots; slot++)
        {
            var hottest = queue.Dequeue();
            if (++copies[hottest] < gpus)
                queue.Enqueue(hottest, (-(double)load[hottest] / copies[hottest], hottest));
        }
        return copies;
    }
}
