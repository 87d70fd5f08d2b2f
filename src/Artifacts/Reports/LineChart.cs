using System.Text.Json.Nodes;

namespace OnnxMoe.Artifacts.Reports;

/// <summary>Curves over a common numeric axis, for example losses over steps.</summary>
/// <param name="Title">What the chart shows.</param>
/// <param name="X">Name of the horizontal axis, with its unit.</param>
/// <param name="Y">Name of the vertical axis, with its unit.</param>
/// <param name="Series">The curves.</param>
public sealed record LineChart(string Title, string X, string Y, IReadOnlyList<ChartSeries> Series) : Chart(Title)
{
    /// <summary>Whether the vertical axis is logarithmic.</summary>
    public bool Logarithmic { get; init; }

    internal override JsonObject ToJson() => new()
    {
        ["kind"] = "lines",
        ["x"] = X,
        ["y"] = Y,
        ["logarithmic"] = Logarithmic,
        ["series"] = new JsonArray([.. Series.Select(s => (JsonNode)new JsonObject { ["name"] = s.Name, ["points"] = Points(s) })]),
    };

    static JsonArray Points(ChartSeries series)
    {
        if (series.At.Count != 0 && series.At.Count != series.Values.Count)
            throw new ArgumentException($"Curve '{series.Name}' has {series.Values.Count} values at {series.At.Count} places.");
        return new([.. series.Values.Select((v, i) => (JsonNode)new JsonArray(Number(series.At.Count == 0 ? i : series.At[i]), Number(v)))]);
    }
}
