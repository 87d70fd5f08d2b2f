using System.Globalization;
using OnnxMoe.Artifacts;

namespace OnnxMoe.Trainer.Supernets;

/// <summary>Probabilities between uniform and proportional to norms of gradients: the latter make the variance of a reweighted gradient smallest (Lu et al. 2023, PA&amp;DA, arXiv 2302.14772).</summary>
public static class NormProbabilities
{
    /// <summary>tau norms / sum + (1 - tau) / n; uniform where all norms are 0.</summary>
    /// <param name="norms">None negative.</param>
    /// <param name="tau">0: uniform, to 1: proportional to the norms.</param>
    public static double[] Of(IReadOnlyList<double> norms, double tau)
    {
        var sum = norms.Sum();
        return [.. norms.Select(norm => sum > 0 ? (tau * (norm / sum)) + ((1 - tau) / norms.Count) : 1.0 / norms.Count)];
    }

    /// <summary>What makes a draw of that probability, one of <paramref name="count"/> things, count as much in the mean as a uniform one: 1 / (n p).</summary>
    /// <exception cref="UserError">The probability is 0: no weight makes up for what is never drawn.</exception>
    public static double WeightOf(double probability, double count) => probability > 0 ? 1 / (count * probability)
        : throw new UserError("Supernet:Reweight=unbiased needs probabilities above 0, but one is 0; a Supernet:TauMax below 1 keeps them so.");

    /// <summary>How many equally probable things are as uneven as these: 1 / sum of squares.</summary>
    public static double EffectiveSize(IEnumerable<double> probabilities) => 1 / probabilities.Sum(p => p * p);

    /// <summary>The sums of the probabilities up to each.</summary>
    public static double[] Cumulative(IReadOnlyList<double> probabilities)
    {
        var sum = 0.0;
        return [.. probabilities.Select(p => sum += p)];
    }

    /// <summary>Draws a number by 64 random bits.</summary>
    public static int Draw(double[] cumulative, ulong bits)
    {
        var at = (bits >> 11) * (1.0 / (1UL << 53)) * cumulative[^1];
        var found = Array.BinarySearch(cumulative, at);
        // The first whose sum is above: numbers of probability 0 share their sum with the one before.
        var index = found < 0 ? ~found : found + 1;
        while (index < cumulative.Length && cumulative[index] <= at)
            index++;
        return Math.Min(index, cumulative.Length - 1);
    }

    /// <exception cref="UserError">The norm is no finite number.</exception>
    internal static double Finite(double norm, string of) => double.IsFinite(norm) ? norm
        : throw new UserError(string.Create(CultureInfo.InvariantCulture, $"The norm of the gradient of {of} is {norm}; a smaller Trainer:LearningRate usually helps."));
}
