namespace OnnxMoe.Search.Methods;

/// <summary>
/// The distribution over numbers that has a given mean and otherwise says as little as possible (largest entropy): P(b) proportional to exp(l b).
/// </summary>
public static class Tilt
{
    private const int Bisections = 200;

    /// <param name="numbers">Ascending.</param>
    /// <param name="mean">From the first to the last of them; at the ends all probability is on that one.</param>
    public static double[] Of(IReadOnlyList<double> numbers, double mean)
    {
        if (!(mean >= numbers[0] && mean <= numbers[^1]))
            throw new ArgumentException($"No distribution over {string.Join(", ", numbers)} has the mean {mean}.");
        if (mean == numbers[0] || mean == numbers[^1])
            return [.. numbers.Select(number => number == mean ? 1.0 : 0.0)];
        var (low, high) = (-1e3, 1e3);
        for (var i = 0; i < Bisections; i++)
        {
            var middle = (low + high) / 2;
            (low, high) = Mean(numbers, At(numbers, middle)) < mean ? (middle, high) : (low, middle);
        }
        return At(numbers, (low + high) / 2);
    }

    /// <summary>The expected number.</summary>
    public static double Mean(IReadOnlyList<double> numbers, IReadOnlyList<double> probabilities) => numbers.Zip(probabilities, (number, p) => number * p).Sum();

    /// <summary>The index that a random number in [0, 1) draws.</summary>
    public static int Draw(IReadOnlyList<double> probabilities, double random)
    {
        for (var i = 0; i < probabilities.Count - 1; i++)
        {
            if (random < probabilities[i])
                return i;
            random -= probabilities[i];
        }
        return probabilities[^1] > 0 ? probabilities.Count - 1 : probabilities.ToList().FindLastIndex(p => p > 0);
    }

    private static double[] At(IReadOnlyList<double> numbers, double slope)
    {
        var most = numbers.Max(number => slope * number);
        double[] weights = [.. numbers.Select(number => Math.Exp((slope * number) - most))];
        return [.. weights.Select(weight => weight / weights.Sum())];
    }
}
