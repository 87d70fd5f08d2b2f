using System.Text.Json.Nodes;

namespace OnnxMoe.Artifacts.Reports;

/// <summary>Bars, one group for each category and one bar in it for each series.</summary>
/// <param name="Title">What the chart shows.</param>
/// <param name="Categories">Names under the groups.</param>
/// <param name="Value">Name of the value axis, with its unit.</param>
/// <param name="Series">One number for each category.</param>
public sealed record BarChart(string Title, IReadOnlyList<string> Categories, string Value, IReadOnlyList<ChartSeries> Series) : Chart(Title)
{
    /// <summary>Whether the series are piled on each other instead of standing side by side.</summary>
    public bool Stacked { get; init; }

    /// <summary>Name of the category axis.</summary>
    public string Category { get; init; } = "";

    /// <summary>A level worth comparing with (a bound, the ideal), drawn as a line; NaN for none.</summary>
    public double Reference { get; init; } = double.NaN;

    internal override JsonObject ToJson()
    {
        foreach (var series in Series)
        {
            if (series.Values.Count != Categories.Count)
                throw new ArgumentException($"Series '{series.Name}' has {series.Values.Count} values for {Categories.Count} categories.");
        }
        return new()
        {
            ["kind"] = "bars",
            ["categories"] = Texts(Categories),
            ["category"] = Category,
            ["value"] = Value,
            ["stacked"] = Stacked,
            ["reference"] = Number(Reference),
            ["series"] = new JsonArray([.. Series.Select(s => (JsonNode)new JsonObject { ["name"] = s.Name, ["values"] = new JsonArray([.. s.Values.Select(Number)]) })]),
        };
    }
}
