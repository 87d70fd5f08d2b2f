namespace OnnxMoe.Placement.Programs;

/// <summary>
/// One layer of <see cref="AssignmentProblem"/> solved exactly with all others fixed. Cluster c on GPU g then has a price towards
/// the layer before and one towards the layer after, and the busiest pairs are the largest of each over the clusters. So every
/// pair of limits is a question of perfect matching, and the best pair is found by walking the staircase of feasible ones; of the
/// equally good matchings the one with the least traffic altogether is taken (an assignment problem).
/// </summary>
static class LayerAssignment
{
    /// <summary>Improves layer <paramref name="l"/> of <paramref name="gpuOf"/>; false when it is as good as it can be.</summary>
    public static bool Improve(AssignmentProblem problem, int[][] gpuOf, int l)
    {
        var (n, sums) = (problem.Gpus, problem.Sums(gpuOf));
        var slack = problem.Slack(sums);
        for (var c = 0; c < n; c++)
            sums[gpuOf[l][c]] -= problem.Sizes[l][c];
        var (before, after) = (Before(problem, gpuOf, l), After(problem, gpuOf, l));
        bool Fits(int c, int g) => problem.MayHold(c, g) && (gpuOf[l][c] == g || problem.Memory.Miss(g, sums[g] + problem.Sizes[l][c]) <= slack);
        var now = (Worst(before, gpuOf[l]), Worst(after, gpuOf[l]));
        var limits = Limits(before, after, now, (a, b) => Matching.Perfect(n, (c, g) => before[c, g] <= a && after[c, g] <= b && Fits(c, g)) is not null);

        var total = new double[n, n];
        for (var i = 0; i < n * n; i++)
            total[i / n, i % n] = Total(problem, gpuOf, l, i / n, i % n);
        var forbidden = 1 + total.Cast<double>().Sum();
        var cost = new double[n, n];
        for (var i = 0; i < n * n; i++)
        {
            var (c, g) = (i / n, i % n);
            cost[c, g] = before[c, g] <= limits.Before && after[c, g] <= limits.After && Fits(c, g) ? total[c, g] : forbidden;
        }
        var found = Matching.Cheapest(cost);
        (long, double) Value(int[] columns) => (Worst(before, columns) + Worst(after, columns), columns.Select((g, c) => total[c, g]).Sum());
        if (Value(found).CompareTo(Value(gpuOf[l])) >= 0)
            return false;
        gpuOf[l] = found;
        return true;
    }

    /// <summary>What all traffic of cluster c on GPU g costs. The same number from both of a pair's layers, so that no two layers undo each other.</summary>
    static double Total(AssignmentProblem problem, int[][] gpuOf, int l, int c, int g)
    {
        var total = 0.0;
        for (var other = 0; other < problem.Gpus; other++)
        {
            if (l > 0)
                total += problem.Traffic[l - 1][other, c] * problem.Price[gpuOf[l - 1][other], g];
            if (l < problem.Layers - 1)
                total += problem.Traffic[l][c, other] * problem.Price[g, gpuOf[l + 1][other]];
        }
        return total;
    }

    /// <summary>The pair of limits with the smallest sum for which all clusters find a GPU.</summary>
    static (long Before, long After) Limits(long[,] before, long[,] after, (long Before, long After) now, Func<long, long, bool> isFeasible)
    {
        long[] first = [.. before.Cast<long>().Distinct().Order()], second = [.. after.Cast<long>().Distinct().Order()];
        var (best, limit) = (now, second.Length - 1);
        // Ever larger limits towards the layer before, each with the smallest towards the layer after that it allows.
        for (var a = First(first, 0, value => isFeasible(value, second[^1])); a < first.Length && first[a] + second[0] < best.Before + best.After;)
        {
            var b = First(second[..(limit + 1)], 0, value => isFeasible(first[a], value));
            if (b > limit)
                break;
            if (first[a] + second[b] < best.Before + best.After)
                best = (first[a], second[b]);
            if (b == 0)
                break;
            limit = b - 1;
            a = First(first, a + 1, value => isFeasible(value, second[limit]));
        }
        return best;
    }

    /// <summary>Place of the first value for which a rule holds that holds for all larger ones too; the length when for none.</summary>
    static int First(long[] values, int from, Func<long, bool> holds)
    {
        var (low, high) = (from, values.Length);
        while (low < high)
        {
            var middle = (low + high) / 2;
            if (holds(values[middle]))
                high = middle;
            else
                low = middle + 1;
        }
        return low;
    }

    static long Worst(long[,] price, int[] gpuOf) => gpuOf.Select((g, c) => price[c, g]).Max();

    /// <summary>The busiest pair that cluster c on GPU g has with the layer before [G, G]; 0 in the first layer.</summary>
    static long[,] Before(AssignmentProblem problem, int[][] gpuOf, int l) =>
        Prices(problem.Gpus, (c, g, other) => l == 0 ? 0 : problem.Traffic[l - 1][other, c] * problem.Price[gpuOf[l - 1][other], g]);

    /// <summary>The busiest pair that cluster c on GPU g has with the layer after [G, G]; 0 in the last layer.</summary>
    static long[,] After(AssignmentProblem problem, int[][] gpuOf, int l) =>
        Prices(problem.Gpus, (c, g, other) => l == problem.Layers - 1 ? 0 : problem.Traffic[l][c, other] * problem.Price[g, gpuOf[l + 1][other]]);

    static long[,] Prices(int n, Func<int, int, int, long> price)
    {
        var prices = new long[n, n];
        for (var c = 0; c < n; c++)
        {
            for (var g = 0; g < n; g++)
            {
                for (var other = 0; other < n; other++)
                    prices[c, g] = Math.Max(prices[c, g], price(c, g, other));
            }
        }
        return prices;
    }
}
