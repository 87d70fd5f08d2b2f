namespace OnnxMoe.Placement.Programs;

/// <summary>A good clustering quickly: heaviest expert first to the lightest cluster, then moves and swaps while they help. The hint of the program.</summary>
static class ClusteringSearch
{
    public static int[] Run(IReadOnlyList<long> load, int clusters, bool equalSizes)
    {
        var clusterOf = Greedy(load, clusters, equalSizes);
        var loads = Clustering.Loads(load, clusterOf, clusters);
        var sizes = new int[clusters];
        foreach (var c in clusterOf)
            sizes[c]++;
        var total = load.Sum();
        while (Improve())
        {
        }
        return clusterOf;

        bool Improve()
        {
            for (var e = 0; e < load.Count; e++)
            {
                if (!equalSizes && TryMove(e))
                    return true;
                for (var f = e + 1; f < load.Count; f++)
                {
                    if (clusterOf[e] != clusterOf[f] && Shift(clusterOf[e], clusterOf[f], load[e] - load[f]))
                    {
                        (clusterOf[e], clusterOf[f]) = (clusterOf[f], clusterOf[e]);
                        return true;
                    }
                }
            }
            return false;
        }

        bool TryMove(int expert)
        {
            var from = clusterOf[expert];
            for (var to = 0; sizes[from] > 1 && to < clusters; to++)
            {
                if (to == from || !Shift(from, to, load[expert]))
                    continue;
                clusterOf[expert] = to;
                sizes[from]--;
                sizes[to]++;
                return true;
            }
            return false;
        }

        // Moves `amount` of load if the deviation falls; at the same deviation a smaller sum of squares counts, which keeps
        // the search going across plateaus.
        bool Shift(int from, int to, long amount)
        {
            var (a, b) = (clusters * loads[from] - total, clusters * loads[to] - total);
            var (c, d) = (a - clusters * amount, b + clusters * amount);
            var (before, after) = (Math.Abs(a) + Math.Abs(b), Math.Abs(c) + Math.Abs(d));
            if (after > before || (after == before && Square(c) + Square(d) >= Square(a) + Square(b)))
                return false;
            loads[from] -= amount;
            loads[to] += amount;
            return true;
        }
    }

    static double Square(double value) => value * value;

    static int[] Greedy(IReadOnlyList<long> load, int clusters, bool equalSizes)
    {
        var clusterOf = new int[load.Count];
        var (loads, sizes) = (new long[clusters], new int[clusters]);
        var room = equalSizes ? load.Count / clusters : load.Count;
        var left = load.Count;
        foreach (var e in Enumerable.Range(0, load.Count).OrderByDescending(e => load[e]))
        {
            // With as many experts left as empty clusters, each of them must get one.
            var empty = sizes.Count(s => s == 0);
            var best = Enumerable.Range(0, clusters).Where(c => sizes[c] < room && (left > empty || sizes[c] == 0)).MinBy(c => loads[c]);
            clusterOf[e] = best;
            loads[best] += load[e];
            sizes[best]++;
            left--;
        }
        return clusterOf;
    }
}
