using OnnxMoe.Artifacts;

namespace OnnxMoe.Experiments.Overlap;

/// <summary>A random routing whose experts get unequal shares of the rows, with a given standard deviation of the shares: a batch's imbalance, and nothing else.</summary>
public static class SharedRouting
{
    /// <summary>Draws a routing.</summary>
    /// <param name="tokens">T.</param>
    /// <param name="experts">E.</param>
    /// <param name="k">K, distinct experts of a token.</param>
    /// <param name="deviation">Standard deviation of the experts' shares of all T x K rows; 0: all have 1 / E.</param>
    /// <param name="seed">Of the shares and of the tokens' order.</param>
    /// <returns>Expert ids [T, K].</returns>
    /// <exception cref="UserError">No shares of at most 1 / K have that deviation.</exception>
    public static int[] Draw(int tokens, int experts, int k, double deviation, int seed)
    {
        var random = new Random(seed);
        var counts = Counts(Shares(experts, k, deviation, random), tokens, k);
        var numbers = Enumerable.Range(0, experts).ToArray();
        random.Shuffle(numbers);
        // Slots in a row, expert by expert: as none has more than T, slots T apart have distinct experts.
        int[] slots = [.. numbers.SelectMany(e => Enumerable.Repeat(e, counts[e]))];
        var order = Enumerable.Range(0, tokens).ToArray();
        random.Shuffle(order);
        var ids = new int[tokens * k];
        for (var i = 0; i < slots.Length; i++)
            ids[(order[i % tokens] * k) + (i / tokens)] = slots[i];
        return ids;
    }

    /// <summary>Standard deviation of the experts' shares of a routing.</summary>
    public static double Deviation(IReadOnlyList<int> ids, int experts)
    {
        var shares = new double[experts];
        foreach (var id in ids)
            shares[id] += 1.0 / ids.Count;
        return Deviation(shares);
    }

    /// <summary>Shares in proportion to exp(a x) of normal x, with the a that gives the deviation; none above 1 / K.</summary>
    private static double[] Shares(int experts, int k, double deviation, Random random)
    {
        double[] normal = [.. Enumerable.Range(0, experts).Select(_ => Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble()))];
        double[] At(double a)
        {
            double[] weights = [.. normal.Select(x => Math.Exp(a * (x - normal.Max())))];
            double[] shares = [.. weights.Select(w => w / weights.Sum())];
            // What is above 1 / K goes to the others.
            for (var round = 0; round < experts && shares.Any(s => s > (1.0 / k) + 1e-12); round++)
            {
                var over = shares.Sum(s => Math.Max(0, s - (1.0 / k)));
                var room = shares.Where(s => s < 1.0 / k).Sum();
                shares = [.. shares.Select(s => s >= 1.0 / k ? 1.0 / k : s * (1 + (over / room)))];
            }
            return shares;
        }
        var (low, high) = (0.0, 50.0);
        if (deviation < 0 || Deviation(At(high)) < deviation)
            throw new UserError($"The shares of {experts} experts of which a token takes {k} cannot have a standard deviation of {deviation}.");
        for (var i = 0; i < 60; i++)
            (low, high) = Deviation(At((low + high) / 2)) < deviation ? ((low + high) / 2, high) : (low, (low + high) / 2);
        return At(deviation == 0 ? 0 : high);
    }

    /// <summary>Whole rows with these shares: rounded so that they sum up to T x K and none is above T.</summary>
    private static int[] Counts(double[] shares, int tokens, int k)
    {
        var counts = new int[shares.Length];
        var (exact, given) = (0.0, 0);
        for (var e = 0; e < shares.Length; e++)
        {
            exact += shares[e] * tokens * k;
            counts[e] = Math.Min(tokens, (int)Math.Round(exact) - given);
            given += counts[e];
        }
        for (var e = 0; given < tokens * k; e = (e + 1) % counts.Length)
        {
            var more = Math.Min(tokens - counts[e], (tokens * k) - given);
            (counts[e], given) = (counts[e] + more, given + more);
        }
        return counts;
    }

    private static double Deviation(double[] shares) => Math.Sqrt(shares.Average(s => (s - (1.0 / shares.Length)) * (s - (1.0 / shares.Length))));
}
