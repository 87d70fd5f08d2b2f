using OnnxMoe.Artifacts;

namespace OnnxMoe.Supernets;

/// <summary>Something of a subnetwork that is minimized.</summary>
/// <param name="Name">Its word in Search:Objectives.</param>
/// <param name="Unit">For axes and tables.</param>
/// <param name="Format">Of a value.</param>
/// <param name="Of">Measures it.</param>
internal sealed record Objective(string Name, string Unit, string Format, Func<Subnet, double> Of)
{
    private static readonly Objective[] All =
    [
        new("loss", "nats", "F4", subnet => subnet.Quality.Loss),
        new("error", "share of the images", "P2", subnet => 1 - subnet.Quality.Accuracy),
        new("parameters", "parameters", "N0", subnet => subnet.Parameters),
        new("flops", "FLOPs", "N0", subnet => subnet.Flops),
        new("latency", "ms", "F4", subnet => subnet.Latency.Median),
    ];

    /// <summary>Those of a setting, in order.</summary>
    /// <exception cref="UserError">An unknown word, one twice, or not 1 to 3.</exception>
    public static IReadOnlyList<Objective> Parse(string words)
    {
        var names = words.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);
        if (names.Length is < 1 or > 3 || names.Distinct().Count() < names.Length)
            throw new UserError($"Search:Objectives is '{words}'; give 1 to 3 different ones of {string.Join(", ", All.Select(objective => objective.Name))}.");
        return [.. names.Select(name => All.FirstOrDefault(objective => objective.Name == name)
            ?? throw new UserError($"Search:Objectives has '{name}'; there are {string.Join(", ", All.Select(objective => objective.Name))}."))];
    }
}
