using System.Text.Json.Nodes;

namespace OnnxMoe.Artifacts.Reports;

/// <summary>A chart of a report: the data and the words around them. How it looks is the page's business (page.js).</summary>
/// <param name="Title">What the chart shows, as a short phrase.</param>
public abstract record Chart(string Title)
{
    /// <summary>A sentence under the title: how to read it, what is good.</summary>
    public string Note { get; init; } = "";

    /// <summary>Whether the chart takes the page's whole width.</summary>
    public bool Wide { get; init; }

    /// <summary>Height on the page, in pixels.</summary>
    public int Height { get; init; } = 320;

    internal abstract JsonObject ToJson();

    /// <summary>A JSON number; null (a gap in the chart) where the value is not finite.</summary>
    private protected static JsonNode? Number(double value) => double.IsFinite(value) ? JsonValue.Create(Math.Round(value, 10)) : null;

    private protected static JsonArray Texts(IEnumerable<string> texts) => new([.. texts.Select(t => (JsonNode?)t)]);
}
