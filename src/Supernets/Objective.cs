using OnnxMoe.Artifacts;

namespace OnnxMoe.Supernets;

/// <summary>Something of a subnetwork that is minimized.</summary>
/// <param name="Name">Its word in Search:Objectives.</param>
/// <param name="Unit">For axes and tables.</param>
/// <param name="Format">Of a value.</param>
/// <param name="Of">Measures it.</param>
internal sealed record Objective(string Name, string Unit, string Format, Func<Subnet, double> Of)
{
    /// <summary>Name and unit, for axes and tables.</summary>
    public string Title => Name.Equals(Unit, StringComparison.OrdinalIgnoreCase) ? Unit : $"{Name} ({Unit})";

    private static readonly Objective[] All =
    [
        new("loss", "nats", "F4", subnet => subnet.Quality.Loss),
        new("error", "share of the inputs", "P2", subnet => 1 - subnet.Quality.Accuracy!.Value),
        new("parameters", "parameters", "N0", subnet => subnet.Parameters),
        new("flops", "FLOPs", "N0", subnet => subnet.Flops),
        new("bytes", "bytes of the file", "N0", subnet => subnet.Bytes),
        new("latency", "ms", "F4", subnet => subnet.Latency.Median),
    ];

    /// <summary>Those of a setting, in order.</summary>
    /// <param name="words">Separated by commas.</param>
    /// <param name="classifies">Of the models: others have no error.</param>
    /// <param name="lossUnit">What their loss is counted in.</param>
    /// <exception cref="UserError">An unknown word, one twice, or not 1 to 3.</exception>
    public static IReadOnlyList<Objective> Parse(string words, bool classifies, string lossUnit)
    {
        Objective[] known = [.. All.Where(objective => classifies || objective.Name != "error").Select(objective => objective.Name == "loss" ? objective with { Unit = lossUnit } : objective)];
        var names = words.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);
        if (names.Length is < 1 or > 3 || names.Distinct().Count() < names.Length)
            throw new UserError($"Search:Objectives is '{words}'; give 1 to 3 different ones of {string.Join(", ", known.Select(objective => objective.Name))}.");
        return [.. names.Select(name => known.FirstOrDefault(objective => objective.Name == name)
            ?? throw new UserError($"Search:Objectives has '{name}'; there are {string.Join(", ", known.Select(objective => objective.Name))}."))];
    }
}
