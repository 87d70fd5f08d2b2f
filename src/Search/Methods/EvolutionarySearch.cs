using OnnxMoe.Search.Evolution;
using OnnxMoe.Search.Spaces;

namespace OnnxMoe.Search.Methods;

/// <summary>Evolution on the measurements themselves (<see cref="GeneticSearch"/>).</summary>
public sealed class EvolutionarySearch(EvolutionOptions options) : SearchMethod
{
    /// <summary>Generations without anything new after which evolution has found what it finds.</summary>
    private const int Patience = 50;

    public override void Run(SearchSpace space, int objectives, MeasurementLog log, int seed)
    {
        double[] unaffordable = [.. Enumerable.Repeat(double.MaxValue, objectives)];
        var (known, idle) = (0, 0);
        // Architectures that an earlier generation had are asked for again and are free, so evolution may ask for more than the budget.
        new GeneticSearch(space, options, objectives, seed).Run(int.MaxValue, architectures =>
        {
            double[][] results = [.. architectures.Select(architecture => log.Measure(architecture)?.Objectives ?? unaffordable)];
            idle = log.All.Count == known ? idle + 1 : 0;
            known = log.All.Count;
            return results;
        }, () => log.IsSpent || idle == Patience);
    }
}
