using OnnxMoe.Search.Methods;
using OnnxMoe.Search.Spaces;

namespace OnnxMoe.Experiments.Searches;

/// <summary>A part of a search space of sizes and precisions, as a space of its own.</summary>
/// <param name="Space">The part.</param>
/// <param name="ToWhole">An architecture of the part as one of the whole space.</param>
internal sealed record SubSpace(SearchSpace Space, Func<Architecture, Architecture> ToWhole)
{
    /// <summary>Sizes alone; every layer has the precision of the last choice.</summary>
    public static SubSpace Sizes(SearchSpace whole)
    {
        GeneGroup[] kept = [.. whole.Groups.Where(group => !IsPrecision(group))];
        return new(new SearchSpace("sizes", kept), sizes => whole.Of([.. whole.Groups.SelectMany(group => Enumerable.Range(0, group.Count)
            .Select(i => IsPrecision(group) ? group.Choices.Count - 1 : Gene(sizes, group.Name, i)))]));
    }

    /// <summary>Precisions alone, for some networks; which of them is a gene, too.</summary>
    public static SubSpace Precisions(SearchSpace whole, IReadOnlyList<Architecture> networks)
    {
        var groups = new List<GeneGroup> { new("network", 1, [.. Enumerable.Range(0, networks.Count).Select(i => $"{i}")]) };
        foreach (var group in whole.Groups.Where(IsPrecision))
            for (var i = 0; i < group.Count; i++)
                groups.Add(new(Place(group.Name, i), 1, group.Choices, When: group.When is { } when
                    ? new(Place(when.Gene, i), when.Is)
                    : new("network", [.. Enumerable.Range(0, networks.Count).Where(n => networks[n].Has(group.Name, i)).Select(n => $"{n}")])));
        return new(new SearchSpace("precisions", groups), part => whole.Of([.. whole.Groups.SelectMany(group => Enumerable.Range(0, group.Count)
            .Select(i => IsPrecision(group) ? Gene(part, Place(group.Name, i), 0) : Gene(networks[part.Whole("network")], group.Name, i)))]));
    }

    /// <summary>Searches the part on behalf of a search of the whole, with what that may still measure.</summary>
    /// <param name="method">How.</param>
    /// <param name="budget">Most measurements; what is known already is free.</param>
    /// <param name="log">Of the whole.</param>
    /// <param name="objectives">How many there are.</param>
    /// <param name="seed">Of the search.</param>
    public void Search(SearchMethod method, int budget, MeasurementLog log, int objectives, int seed)
    {
        var end = log.All.Count + budget;
        using var part = new MeasurementLog(Space, int.MaxValue, architecture =>
        {
            var whole = ToWhole(architecture);
            if (log.All.Count >= end && log.All.All(known => !known.Architecture.Equals(whole)))
                throw new BudgetSpentException();
            return log.Measure(whole)?.Objectives ?? throw new BudgetSpentException();
        });
        try
        {
            method.Run(Space, objectives, part, seed);
        }
        catch (BudgetSpentException)
        {
        }
    }

    private static bool IsPrecision(GeneGroup group) => group.Name.EndsWith("_bits", StringComparison.Ordinal) || group.Name.EndsWith("_scheme", StringComparison.Ordinal);

    private static string Place(string name, int place) => $"{name}.{place}";

    private static int Gene(Architecture architecture, string group, int index) => architecture.Genes[architecture.Space.Find(group).First + index];

    /// <summary>Ends a search whose log, that of the part, knows nothing of the whole's budget.</summary>
    private sealed class BudgetSpentException : Exception;
}
