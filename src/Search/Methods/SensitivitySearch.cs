using MathNet.Numerics.Statistics;
using OnnxMoe.Search.Spaces;

namespace OnnxMoe.Search.Methods;

/// <summary>
/// Spends two thirds of the budget on random architectures, learns from their correlation with the first objective which genes matter, takes choices away, and
/// spends the rest on what is left (Yi et al. 2024, LLM-QFA, arXiv 2405.20202, who do not say how the choices shrink): the third of the genes that the objective
/// falls the most with may not have their first choice, the third that it falls the least with not their last one. Every draw has a mean choice of its own,
/// so that small and large architectures are drawn as often as middling ones.
/// </summary>
public sealed class SensitivitySearch : SearchMethod
{
    private const int Attempts = 1000;

    public override void Run(SearchSpace space, int objectives, MeasurementLog log, int seed)
    {
        var random = new Random(seed);
        (int First, int Last)[] choices = [.. space.Choices.Select(count => (0, count - 1))];
        Measure(space, choices, log.Budget * 2 / 3, log, random);
        var sensitivity = Sensitivities(log);
        int[] order = [.. Enumerable.Range(0, space.Length).OrderByDescending(gene => sensitivity[gene])];
        var third = space.Length / 3;
        foreach (var gene in order[..third].Where(gene => choices[gene].Last > 0))
            choices[gene].First++;
        foreach (var gene in order[^third..].Where(gene => choices[gene].Last > choices[gene].First))
            choices[gene].Last--;
        Measure(space, choices, log.Budget, log, random);
    }

    /// <summary>How much the first objective falls when a gene rises: minus Pearson's correlation, 0 where there is none.</summary>
    public static double[] Sensitivities(MeasurementLog log)
    {
        double[] objective = [.. log.All.Select(measured => measured.Objectives[0])];
        return [.. Enumerable.Range(0, log.All[0].Architecture.Genes.Length).Select(gene =>
            Correlation.Pearson(log.All.Select(measured => (double)measured.Architecture.Genes[gene]), objective) is var r && double.IsNaN(r) ? 0 : -r)];
    }

    /// <summary>Measures architectures within the choices until there are so many, or no new ones are drawn.</summary>
    private static void Measure(SearchSpace space, (int First, int Last)[] choices, int until, MeasurementLog log, Random random)
    {
        for (var attempt = 0; log.All.Count < until && attempt < Attempts; attempt++)
        {
            var level = random.NextDouble();
            var before = log.All.Count;
            log.Measure(space.Of([.. choices.Select(range => range.First + Tilt.Draw(
                Tilt.Of([.. Enumerable.Range(0, range.Last - range.First + 1).Select(choice => (double)choice)], level * (range.Last - range.First)), random.NextDouble()))]));
            attempt = log.All.Count > before ? -1 : attempt;
        }
    }
}
