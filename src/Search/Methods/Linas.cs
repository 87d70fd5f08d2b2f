using OnnxMoe.Artifacts;
using OnnxMoe.Search.Evolution;
using OnnxMoe.Search.Predictors;
using OnnxMoe.Search.Spaces;

namespace OnnxMoe.Search.Methods;

/// <summary>
/// Measures a small population, learns predictors from all measurements so far, evolves a population on the predictors, measures that, and so on (Sarah et al.
/// 2022, arXiv 2202.12954, "LINAS"). Each evolution starts from a random population, as in the released code.
/// </summary>
/// <param name="options">The population's size is that of a round.</param>
/// <param name="inner">Predictions of one evolution.</param>
public sealed class Linas(EvolutionOptions options, int inner) : SearchMethod
{
    /// <summary>Takes notes of the predictors; null: nobody asks.</summary>
    public Action<int, IReadOnlyList<TunedPredictor>>? Learned { get; init; }

    public override void Run(SearchSpace space, int objectives, MeasurementLog log, int seed)
    {
        if (log.Budget < options.Population)
            throw new UserError($"The search may measure {log.Budget} architectures, fewer than Search:Evolution:Population {options.Population}, which is one round.");
        var random = new Random(seed);
        while (log.All.Count < Math.Min(options.Population, log.Budget) && log.All.Count < space.Size && log.MeasureRandom(space, random))
        {
        }
        for (var round = 1; !log.IsSpent && log.All.Count < space.Size; round++)
        {
            var before = log.All.Count;
            foreach (var architecture in Proposals(space, objectives, log, seed, round))
                log.Measure(architecture);
            // A population that is known already teaches nothing new: something random does.
            if (log.All.Count == before && !log.MeasureRandom(space, random))
                return;
        }
    }

    private IEnumerable<Architecture> Proposals(SearchSpace space, int objectives, MeasurementLog log, int seed, int round)
    {
        if (log.All.Count < TunedPredictor.FewestExamples)
            return [];
        double[][] features = [.. log.All.Select(measured => OneHotFeatures.Of(measured.Architecture))];
        TunedPredictor[] predictors = [.. Enumerable.Range(0, objectives).Select(objective =>
            TunedPredictor.Fit(features, [.. log.All.Select(measured => measured.Objectives[objective])], seed))];
        Learned?.Invoke(round, predictors);
        return new GeneticSearch(space, options, objectives, seed).Run(inner, architectures => [.. architectures.Select(architecture =>
        {
            var known = OneHotFeatures.Of(architecture);
            return predictors.Select(predictor => predictor.Predict(known)).ToArray();
        })]).Select(member => member.Architecture);
    }
}
