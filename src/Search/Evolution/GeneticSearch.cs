using OnnxMoe.Artifacts;
using OnnxMoe.Search.Fronts;
using OnnxMoe.Search.Spaces;

namespace OnnxMoe.Search.Evolution;

/// <summary>
/// Evolution of a population: parents by tournaments of two, children by <see cref="Variation"/>, survivors by a <see cref="Selection"/>: crowding for one or two
/// objectives (NSGA-II, Deb et al. 2002), reference directions for three (U-NSGA-III, Seada and Deb 2016). No architecture is there twice.
/// </summary>
public sealed class GeneticSearch
{
    private const int Attempts = 100;

    private readonly SearchSpace _space;
    private readonly EvolutionOptions _options;
    private readonly Random _random;
    private readonly Variation _variation;
    private readonly Selection _selection;

    /// <param name="space">Where to search.</param>
    /// <param name="options">Population and variation.</param>
    /// <param name="objectives">1 to 3.</param>
    /// <param name="seed">Of every draw.</param>
    /// <exception cref="UserError">More objectives, or a population of more architectures than there are.</exception>
    public GeneticSearch(SearchSpace space, EvolutionOptions options, int objectives, int seed)
    {
        if (objectives is < 1 or > 3)
            throw new UserError($"The search has {objectives} objectives; 1, 2 or 3 are possible.");
        if (space.Size < options.Population)
            throw new UserError($"Search:Evolution:Population is {options.Population}, but the search space '{space.Name}' has only {space.Size} architectures.");
        (_space, _options, _random) = (space, options, new Random(seed));
        _variation = new(space, options, _random);
        _selection = objectives == 3 ? new ReferenceSelection(objectives, options.Population, _random) : new CrowdingSelection(_random);
    }

    /// <summary>Evolves until as many architectures as the budget were asked for.</summary>
    /// <param name="budget">The first population's included.</param>
    /// <param name="measure">Objectives of new architectures, all minimized.</param>
    /// <param name="stop">Asked before each generation; null: the budget alone ends it.</param>
    /// <returns>The last population.</returns>
    public IReadOnlyList<Measured> Run(int budget, Func<IReadOnlyList<Architecture>, IReadOnlyList<double[]>> measure, Func<bool>? stop = null)
    {
        var first = new HashSet<Architecture>();
        while (first.Count < Math.Min(_options.Population, budget))
            first.Add(_space.Random(_random));
        var population = _selection.Survivors(Measure([.. first], measure), _options.Population);
        for (var spent = first.Count; spent < budget && stop?.Invoke() != true;)
        {
            var children = Children(population, Math.Min(_options.Population, budget - spent));
            if (children.Count == 0)
                break; // the population is all that variation still finds
            spent += children.Count;
            population = _selection.Survivors([.. population.Select(ranked => ranked.Member), .. Measure(children, measure)], _options.Population);
        }
        return [.. population.Select(ranked => ranked.Member)];
    }

    private static IReadOnlyList<Measured> Measure(IReadOnlyList<Architecture> architectures, Func<IReadOnlyList<Architecture>, IReadOnlyList<double[]>> measure) =>
        [.. measure(architectures).Select((objectives, i) => new Measured(architectures[i], objectives))];

    private List<Architecture> Children(IReadOnlyList<Ranked> population, int count)
    {
        var known = population.Select(ranked => ranked.Member.Architecture).ToHashSet();
        var children = new List<Architecture>();
        for (var attempt = 0; attempt < Attempts * count && children.Count < count; attempt++)
        {
            var (a, b) = _variation.Children(Parent(population), Parent(population));
            foreach (var child in new[] { a, b })
                if (children.Count < count && known.Add(child))
                    children.Add(child);
        }
        return children;
    }

    private Architecture Parent(IReadOnlyList<Ranked> population) =>
        _selection.Winner(population[_random.Next(population.Count)], population[_random.Next(population.Count)]).Member.Architecture;
}
