using System.Globalization;
using OnnxMoe.Artifacts;
using OnnxMoe.Search.Fronts;
using OnnxMoe.Search.Spaces;

namespace OnnxMoe.Supernets;

/// <summary>Which subnetwork of a front is extracted.</summary>
internal static class Choice
{
    /// <summary>The architecture that the settings name; measured or not.</summary>
    /// <exception cref="UserError">The limit is none, or nothing on the front keeps it.</exception>
    public static Architecture Of(SearchOptions options, SearchSpace space, IReadOnlyList<Objective> objectives, IReadOnlyList<Measured> front)
    {
        if (options.Choose is not ("knee" or "best"))
            return Architecture.Parse(space, options.Choose);
        var allowed = options.Limit.Length == 0 ? front : Within(options.Limit, objectives, front);
        return options.Choose == "best" ? allowed.MinBy(member => member.Objectives[0])!.Architecture : Knee(allowed).Architecture;
    }

    /// <summary>The point nearest to the best values of all objectives, in parts of the front's extents.</summary>
    public static Measured Knee(IReadOnlyList<Measured> front)
    {
        var count = front[0].Objectives.Length;
        double[] best = [.. Enumerable.Range(0, count).Select(i => front.Min(member => member.Objectives[i]))];
        double[] extent = [.. Enumerable.Range(0, count).Select(i => front.Max(member => member.Objectives[i]) - best[i])];
        return front.MinBy(member => Enumerable.Range(0, count).Sum(i => extent[i] == 0 ? 0 : Math.Pow((member.Objectives[i] - best[i]) / extent[i], 2)))!;
    }

    private static IReadOnlyList<Measured> Within(string limit, IReadOnlyList<Objective> objectives, IReadOnlyList<Measured> front)
    {
        var parts = limit.Split('=', StringSplitOptions.TrimEntries);
        var index = parts.Length == 2 ? objectives.ToList().FindIndex(objective => objective.Name == parts[0]) : -1;
        if (index < 0 || !double.TryParse(parts[1], NumberStyles.Float, CultureInfo.InvariantCulture, out var most))
            throw new UserError($"Search:Limit is '{limit}'; it must be one of the objectives ({string.Join(", ", objectives.Select(objective => objective.Name))}), '=' and a number.");
        Measured[] within = [.. front.Where(member => member.Objectives[index] <= most)];
        var nearest = front.MinBy(member => member.Objectives[index])!;
        return within.Length > 0 ? within
            : throw new UserError(string.Create(CultureInfo.InvariantCulture, $"Search:Limit is {limit}, which nothing on the front keeps; the least {parts[0]} is {nearest.Objectives[index]:G4}, of the architecture {nearest.Architecture.Key}."));
    }
}
