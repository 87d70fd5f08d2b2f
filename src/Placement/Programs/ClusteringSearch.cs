namespace OnnxMoe.Placement.Programs;

/// <summary>
/// A good clustering quickly: heaviest expert first to the lightest cluster, then moves and swaps while they help, then a few
/// random swaps and again until the counting bound is met. The hint of the program.
/// </summary>
sealed class ClusteringSearch
{
    const int Rounds = 400;

    readonly IReadOnlyList<long> _load;
    readonly int _clusters;
    readonly bool _equalSizes;
    readonly long _total;
    int[] _clusterOf;
    long[] _loads = [];
    int[] _sizes = [];

    ClusteringSearch(IReadOnlyList<long> load, int clusters, bool equalSizes)
    {
        (_load, _clusters, _equalSizes, _total) = (load, clusters, equalSizes, load.Sum());
        _clusterOf = Greedy();
    }

    public static int[] Run(IReadOnlyList<long> load, int clusters, bool equalSizes, int seed)
    {
        var search = new ClusteringSearch(load, clusters, equalSizes);
        var random = new Random(seed);
        var bound = Clustering.DeviationBound(load, clusters);
        search.Descend();
        var (best, value) = (search._clusterOf.ToArray(), Clustering.Deviation(load, search._clusterOf, clusters));
        for (var round = 0; round < Rounds && value > bound; round++)
        {
            search._clusterOf = best.ToArray();
            for (var kick = 0; kick < 2; kick++)
                search.Swap(random.Next(load.Count), random.Next(load.Count));
            search.Descend();
            var found = Clustering.Deviation(load, search._clusterOf, clusters);
            if (found <= value)
                (best, value) = (search._clusterOf.ToArray(), found);
        }
        return best;
    }

    void Descend()
    {
        _loads = Clustering.Loads(_load, _clusterOf, _clusters);
        _sizes = new int[_clusters];
        foreach (var c in _clusterOf)
            _sizes[c]++;
        while (Improve())
        {
        }
    }

    bool Improve()
    {
        for (var e = 0; e < _load.Count; e++)
        {
            if (!_equalSizes && TryMove(e))
                return true;
            for (var f = e + 1; f < _load.Count; f++)
            {
                if (_clusterOf[e] == _clusterOf[f] || !Shift(_clusterOf[e], _clusterOf[f], _load[e] - _load[f]))
                    continue;
                Swap(e, f);
                return true;
            }
        }
        return false;
    }

    bool TryMove(int expert)
    {
        var from = _clusterOf[expert];
        for (var to = 0; _sizes[from] > 1 && to < _clusters; to++)
        {
            if (to == from || !Shift(from, to, _load[expert]))
                continue;
            _clusterOf[expert] = to;
            _sizes[from]--;
            _sizes[to]++;
            return true;
        }
        return false;
    }

    void Swap(int e, int f) => (_clusterOf[e], _clusterOf[f]) = (_clusterOf[f], _clusterOf[e]);

    /// <summary>
    /// Moves load if the deviation falls; at the same deviation a smaller sum of squares counts, which keeps the search going
    /// across plateaus.
    /// </summary>
    bool Shift(int from, int to, long amount)
    {
        var (a, b) = (_clusters * _loads[from] - _total, _clusters * _loads[to] - _total);
        var (c, d) = (a - _clusters * amount, b + _clusters * amount);
        var (before, after) = (Math.Abs(a) + Math.Abs(b), Math.Abs(c) + Math.Abs(d));
        if (after > before || (after == before && Square(c) + Square(d) >= Square(a) + Square(b)))
            return false;
        _loads[from] -= amount;
        _loads[to] += amount;
        return true;
    }

    static double Square(double value) => value * value;

    int[] Greedy()
    {
        var clusterOf = new int[_load.Count];
        var (loads, sizes) = (new long[_clusters], new int[_clusters]);
        var room = _equalSizes ? _load.Count / _clusters : _load.Count;
        var left = _load.Count;
        foreach (var e in Enumerable.Range(0, _load.Count).OrderByDescending(e => _load[e]))
        {
            // With as many experts left as empty clusters, each of them must get one.
            var empty = sizes.Count(s => s == 0);
            var best = Enumerable.Range(0, _clusters).Where(c => sizes[c] < room && (left > empty || sizes[c] == 0)).MinBy(c => loads[c]);
            clusterOf[e] = best;
            loads[best] += _load[e];
            sizes[best]++;
            left--;
        }
        return clusterOf;
    }
}
