using OnnxMoe.Search.Spaces;

namespace OnnxMoe.Search.Evolution;

/// <summary>
/// Makes children of two architectures: simulated binary crossover and polynomial mutation of the choices' numbers (Deb and Agrawal 1995; Deb and Goyal 1996),
/// bounded by the first and the last choice, then rounded.
/// </summary>
internal sealed class Variation(SearchSpace space, EvolutionOptions options, Random random)
{
    private const double Same = 1e-14;

    private readonly int[] _last = [.. space.Choices.Select(choices => choices - 1)];
    private readonly double _geneMutation = options.GeneMutation > 0 ? options.GeneMutation : Math.Max(0.02, 1.0 / space.Length);

    public (Architecture First, Architecture Second) Children(Architecture a, Architecture b)
    {
        var first = a.Genes.ToArray().Select(gene => (double)gene).ToArray();
        var second = b.Genes.ToArray().Select(gene => (double)gene).ToArray();
        if (random.NextDouble() < options.Crossover)
            Cross(first, second);
        return (Mutated(first), Mutated(second));
    }

    private void Cross(double[] a, double[] b)
    {
        for (var i = 0; i < a.Length; i++)
        {
            var (low, high) = (Math.Min(a[i], b[i]), Math.Max(a[i], b[i]));
            if (random.NextDouble() >= 0.5 || high - low < Same)
                continue;
            var draw = random.NextDouble();
            var below = (low + high - (Spread(draw, low, high - low) * (high - low))) / 2;
            var above = (low + high + (Spread(draw, _last[i] - high, high - low) * (high - low))) / 2;
            (a[i], b[i]) = random.NextDouble() < 0.5 ? (above, below) : (below, above);
        }
    }

    /// <summary>How far apart children are, in distances of their parents, so that none leaves the bounds.</summary>
    private double Spread(double draw, double room, double distance)
    {
        var power = options.CrossoverIndex + 1;
        var alpha = 2 - Math.Pow(1 + (2 * room / distance), -power);
        return Math.Pow(draw <= 1 / alpha ? draw * alpha : 1 / (2 - (draw * alpha)), 1 / power);
    }

    private Architecture Mutated(double[] genes)
    {
        var mutates = random.NextDouble() < options.Mutation;
        for (var i = 0; i < genes.Length; i++)
            if (mutates && _last[i] > 0 && random.NextDouble() < _geneMutation)
                genes[i] = Mutated(genes[i], _last[i]);
        return space.Of([.. genes.Select((gene, i) => Math.Clamp((int)Math.Round(gene, MidpointRounding.AwayFromZero), 0, _last[i]))]);
    }

    private double Mutated(double gene, int last)
    {
        var power = options.MutationIndex + 1;
        var draw = random.NextDouble();
        var delta = draw < 0.5
            ? Math.Pow((2 * draw) + ((1 - (2 * draw)) * Math.Pow(1 - (gene / last), power)), 1 / power) - 1
            : 1 - Math.Pow((2 * (1 - draw)) + (2 * (draw - 0.5) * Math.Pow(1 - ((last - gene) / last), power)), 1 / power);
        return gene + (delta * last);
    }
}
