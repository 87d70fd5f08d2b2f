using System.Text.Json.Nodes;

namespace OnnxMoe.Artifacts.Reports;

/// <summary>Points of two numbers each, in named groups; later groups lie above earlier ones.</summary>
/// <param name="Title">What the chart shows.</param>
/// <param name="X">Name of the horizontal axis, with its unit.</param>
/// <param name="Y">Name of the vertical axis, with its unit.</param>
/// <param name="Groups">The points.</param>
public sealed record ScatterChart(string Title, string X, string Y, IReadOnlyList<ScatterGroup> Groups) : Chart(Title)
{
    internal override JsonObject ToJson() => new()
    {
        ["kind"] = "scatter",
        ["x"] = X,
        ["y"] = Y,
        ["groups"] = new JsonArray([.. Groups.Select(group => (JsonNode)new JsonObject
        {
            ["name"] = group.Name,
            ["size"] = group.Size,
            ["joined"] = group.Joined,
            ["points"] = new JsonArray([.. group.Points.Select(point => (JsonNode)new JsonArray(Number(point.X), Number(point.Y), point.Label))]),
        })]),
    };
}
