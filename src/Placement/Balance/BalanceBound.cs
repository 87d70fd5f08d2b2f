namespace OnnxMoe.Placement.Balance;

/// <summary>
/// What no division of a layer's experts can beat, found without solving it: the best of several counting arguments, each valid
/// by itself.
/// </summary>
public static class BalanceBound
{
    /// <summary>A lower bound on <see cref="BalanceProblem.Makespan"/>.</summary>
    /// <param name="problem">The layer.</param>
    /// <param name="known">Makespan of a known answer, above which no bound is looked for.</param>
    public static double Of(BalanceProblem problem, double known)
    {
        double[] work = [.. problem.Order.Select(i => problem.Work[i])];
        var bound = Math.Max(Even(problem, work), Heaviest(problem, work));
        if (problem.EqualSpeeds)
        {
            bound = Math.Max(bound, Crowded(problem, work));
            if (!problem.HasCopies)
                bound = Packing(work, problem.Gpus, bound * problem.Speed[0], Math.Min(known * problem.Speed[0], work.Sum())) / problem.Speed[0];
        }
        if (problem.EqualSizes)
            bound = Math.Max(bound, Filled(problem, work));
        return Math.Min(bound, known);
    }

    /// <summary>
    /// With copies, whatever their numbers: the total cannot be spread better than evenly, and with so many slots some copy has
    /// at least the share that giving each further slot to the largest share leaves (which makes the largest as small as can be).
    /// </summary>
    /// <param name="load">Tokens of each expert [E].</param>
    /// <param name="speed">Relative speeds [G].</param>
    /// <param name="slots">Slots of all GPUs together.</param>
    public static double WithCopies(IReadOnlyList<long> load, double[] speed, int slots)
    {
        var copies = Replication.Greedy(load, slots, speed.Length);
        var share = Enumerable.Range(0, load.Count).Max(e => (double)load[e] / copies[e]);
        return Math.Max(load.Sum() / speed.Sum(), share / speed.Max());
    }

    /// <summary>All GPUs finish together; whole tokens on equal GPUs do not always divide.</summary>
    static double Even(BalanceProblem problem, double[] work) =>
        problem.EqualSpeeds && !problem.HasCopies ? Math.Ceiling(work.Sum() / problem.Gpus) / problem.Speed[0] : work.Sum() / problem.Speed.Sum();

    /// <summary>The k heaviest items are on at most k GPUs, at best the k fastest.</summary>
    static double Heaviest(BalanceProblem problem, double[] work)
    {
        double[] speed = [.. problem.Speed.OrderDescending()];
        var (bound, items, speeds) = (0.0, 0.0, 0.0);
        for (var k = 0; k < Math.Min(work.Length, speed.Length); k++)
        {
            (items, speeds) = (items + work[k], speeds + speed[k]);
            bound = Math.Max(bound, items / speeds);
        }
        return bound;
    }

    /// <summary>Of the k G + 1 heaviest items some GPU has k + 1.</summary>
    static double Crowded(BalanceProblem problem, double[] work)
    {
        var bound = 0.0;
        for (var k = 1; k * problem.Gpus < work.Length; k++)
            bound = Math.Max(bound, work[(k * problem.Gpus - k)..(k * problem.Gpus + 1)].Sum());
        return bound / problem.Speed[0];
    }

    /// <summary>
    /// With n items on every GPU: the k heaviest are on some number j of GPUs, which need j n - k more items, at best the
    /// lightest; the busiest of the j has at least the mean.
    /// </summary>
    static double Filled(BalanceProblem problem, double[] work)
    {
        var n = problem.Fewest;
        var fastest = problem.Speed.Max();
        double[] lightest = [0, .. work.Reverse().Scan((sum, w) => sum + w)];
        var (bound, heaviest) = (0.0, 0.0);
        for (var k = 1; k <= work.Length; k++)
        {
            heaviest += work[k - 1];
            var least = double.PositiveInfinity;
            for (var j = (k + n - 1) / n; j <= Math.Min(k, problem.Gpus); j++)
                least = Math.Min(least, (heaviest + lightest[j * n - k]) / j);
            bound = Math.Max(bound, least / fastest);
        }
        return bound;
    }

    /// <summary>
    /// Martello and Toth's bound on bin packing (1990) turned round: where the items do not fit into G bins of size T, the
    /// makespan is above T. Whole work, equal GPUs.
    /// </summary>
    static double Packing(double[] work, int gpus, double low, double high)
    {
        // low is a valid bound; every size that is proved too small makes a better one.
        var (bound, top) = (Math.Ceiling(low - 1e-9), Math.Floor(high + 1e-9));
        while (bound < top)
        {
            var size = Math.Floor((bound + top - 1) / 2);
            if (Bins(work, size) > gpus)
                bound = size + 1;
            else
                top = size;
        }
        return Math.Max(low, bound);
    }

    /// <summary>At least so many bins of a size are needed.</summary>
    static double Bins(double[] work, double size)
    {
        if (work[0] > size)
            return double.PositiveInfinity;
        var bins = 0.0;
        foreach (var small in work.Where(w => w <= size / 2).Append(0).Distinct())
        {
            var alone = work.Count(w => w > size - small);
            var halves = work.Where(w => w <= size - small && w > size / 2).ToList();
            var rest = work.Where(w => w <= size / 2 && w >= small).Sum();
            bins = Math.Max(bins, alone + halves.Count + Math.Max(0, Math.Ceiling((rest - (halves.Count * size - halves.Sum())) / size)));
        }
        return bins;
    }

    static IEnumerable<double> Scan(this IEnumerable<double> values, Func<double, double, double> add)
    {
        var sum = 0.0;
        foreach (var value in values)
            yield return sum = add(sum, value);
    }
}
