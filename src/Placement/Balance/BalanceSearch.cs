namespace OnnxMoe.Placement.Balance;

/// <summary>
/// Divides the items of a layer among GPUs: heaviest first to the GPU that would finish earliest, then, as long as it helps, the
/// busiest GPU and another one divide their items anew, as well as two can (<see cref="PairSplit"/>); then a few random exchanges
/// and again. Once the busiest GPU cannot be helped, the next busiest is looked at: other tokens than the fitted ones make it the
/// busiest often enough.
/// </summary>
public sealed class BalanceSearch
{
    const double Tiny = 1e-9;

    readonly BalanceProblem _problem;
    readonly Random _random;
    List<int>[] _items = [];
    double[] _work = [];

    BalanceSearch(BalanceProblem problem, int seed) => (_problem, _random) = (problem, new Random(seed));

    /// <summary>GPU of each item [N].</summary>
    /// <param name="problem">The layer.</param>
    /// <param name="bound">Makespan at which to stop.</param>
    /// <param name="seed">Of the random exchanges.</param>
    /// <param name="rounds">How often to exchange and try again.</param>
    /// <param name="cancellation">Stops the work.</param>
    public static int[] Run(BalanceProblem problem, double bound, int seed, int rounds, CancellationToken cancellation)
    {
        var search = new BalanceSearch(problem, seed);
        search.Greedy();
        search.Descend();
        var best = search.GpuOf();
        var value = Value(problem, best);
        for (var round = 0; round < rounds && value.Makespan > bound * (1 + Tiny); round++)
        {
            cancellation.ThrowIfCancellationRequested();
            search.Take(best);
            for (var kick = 0; kick < 3; kick++)
                search.Exchange();
            search.Descend();
            var found = search.GpuOf();
            if (Value(problem, found) is var next && next.CompareTo(value) <= 0)
                (best, value) = (found, next);
        }
        return best;
    }

    static (double Makespan, double Squares) Value(BalanceProblem problem, int[] gpuOf)
    {
        var times = problem.Times(gpuOf);
        return (times.Max(), times.Sum(t => t * t));
    }

    double Time(int gpu) => _work[gpu] / _problem.Speed[gpu];

    void Descend()
    {
        var done = new bool[_problem.Gpus];
        for (var left = _problem.Gpus; left > 1;)
        {
            var busiest = Enumerable.Range(0, _problem.Gpus).Where(g => !done[g]).MaxBy(Time);
            if (Enumerable.Range(0, _problem.Gpus).Where(g => g != busiest && !done[g]).OrderBy(Time).Any(other => Split(busiest, other)))
                continue;
            done[busiest] = true;
            left--;
        }
    }

    /// <summary>Divides the items of two GPUs anew if that makes the busier of them finish earlier.</summary>
    bool Split(int busy, int other)
    {
        var before = Time(busy);
        if ((_work[busy] + _work[other]) / (_problem.Speed[busy] + _problem.Speed[other]) >= before * (1 - Tiny))
            return false;
        // Two copies of an expert stay apart; of very many items only some are divided anew.
        var pinned = _problem.HasCopies ? _items[busy].Select(Expert).Intersect(_items[other].Select(Expert)).ToHashSet() : [];
        int[] free = [.. _items[busy].Concat(_items[other]).Where(i => !pinned.Contains(Expert(i)))];
        if (free.Length > PairSplit.MostItems)
        {
            _random.Shuffle(free);
            free = free[..PairSplit.MostItems];
        }
        var moving = free.ToHashSet();
        int[] staysBusy = [.. _items[busy].Where(i => !moving.Contains(i))], staysOther = [.. _items[other].Where(i => !moving.Contains(i))];
        var fewest = Math.Max(_problem.Fewest - staysBusy.Length, free.Length - (_problem.Most[other] - staysOther.Length));
        var most = Math.Min(_problem.Most[busy] - staysBusy.Length, free.Length - (_problem.Fewest - staysOther.Length));
        var (mask, makespan) = PairSplit.Best([.. free.Select(i => _problem.Work[i])], _problem.Speed[busy], _problem.Speed[other],
            (staysBusy.Sum(i => _problem.Work[i]), staysOther.Sum(i => _problem.Work[i])), fewest, most);
        if (makespan >= before * (1 - Tiny))
            return false;
        Put(busy, staysBusy.Concat(free.Where((_, i) => (mask >> i & 1) == 1)));
        Put(other, staysOther.Concat(free.Where((_, i) => (mask >> i & 1) == 0)));
        return true;
    }

    /// <summary>Two items of different GPUs change places, where copies allow it.</summary>
    void Exchange()
    {
        var (a, b) = (_random.Next(_problem.Gpus), _random.Next(_problem.Gpus));
        if (a == b)
            return;
        var (i, j) = (_items[a][_random.Next(_items[a].Count)], _items[b][_random.Next(_items[b].Count)]);
        if (Expert(i) != Expert(j) && (_items[a].Any(x => Expert(x) == Expert(j)) || _items[b].Any(x => Expert(x) == Expert(i))))
            return;
        Put(a, _items[a].Where(x => x != i).Append(j));
        Put(b, _items[b].Where(x => x != j).Append(i));
    }

    int Expert(int item) => _problem.Expert[item];

    void Put(int gpu, IEnumerable<int> items)
    {
        _items[gpu] = [.. items];
        _work[gpu] = _items[gpu].Sum(i => _problem.Work[i]);
    }

    void Take(int[] gpuOf)
    {
        _items = [.. Enumerable.Range(0, _problem.Gpus).Select(_ => new List<int>())];
        _work = new double[_problem.Gpus];
        for (var i = 0; i < gpuOf.Length; i++)
            _items[gpuOf[i]].Add(i);
        for (var g = 0; g < _problem.Gpus; g++)
            _work[g] = _items[g].Sum(i => _problem.Work[i]);
    }

    int[] GpuOf()
    {
        var gpuOf = new int[_problem.Items];
        for (var g = 0; g < _problem.Gpus; g++)
        {
            foreach (var item in _items[g])
                gpuOf[item] = g;
        }
        return gpuOf;
    }

    void Greedy()
    {
        Take([]);
        var left = _problem.Items;
        foreach (var item in _problem.Order)
        {
            // With as many items left as places that must be filled, each of them gets one.
            var missing = _items.Sum(items => Math.Max(0, _problem.Fewest - items.Count));
            var gpu = Enumerable.Range(0, _problem.Gpus)
                .Where(g => _items[g].Count < (left > missing ? _problem.Most[g] : _problem.Fewest) && IsApart(item, g))
                .OrderBy(g => (_work[g] + _problem.Work[item]) / _problem.Speed[g]).FirstOrDefault(-1);
            if (gpu < 0)
            {
                Spread();
                return;
            }
            Add(item, gpu);
            left--;
        }
    }

    /// <summary>Copies where they surely find room: the expert with the most of them first, each on the GPU with the most room.</summary>
    void Spread()
    {
        Take([]);
        var copies = _problem.Expert.CountBy(expert => expert).ToDictionary();
        foreach (var item in _problem.Order.OrderByDescending(i => copies[Expert(i)]).ThenBy(Expert))
            Add(item, Enumerable.Range(0, _problem.Gpus).Where(g => IsApart(item, g)).OrderByDescending(g => _problem.Most[g] - _items[g].Count).ThenBy(Time).First());
    }

    bool IsApart(int item, int gpu) => !_problem.HasCopies || _items[gpu].All(i => Expert(i) != Expert(item));

    void Add(int item, int gpu)
    {
        _items[gpu].Add(item);
        _work[gpu] += _problem.Work[item];
    }
}
