using System.Text.Json.Nodes;

namespace OnnxMoe.Artifacts.Reports;

/// <summary>A table of numbers as colours, for example the load of each expert in each layer.</summary>
/// <param name="Title">What the chart shows.</param>
/// <param name="X">Name of the columns.</param>
/// <param name="Columns">Label of each column.</param>
/// <param name="Y">Name of the rows.</param>
/// <param name="Rows">Label of each row; the first is drawn at the top.</param>
/// <param name="Value">What the colour stands for, with its unit.</param>
/// <param name="Values">Rows of numbers; NaN leaves a cell empty.</param>
public sealed record HeatMap(
    string Title,
    string X,
    IReadOnlyList<string> Columns,
    string Y,
    IReadOnlyList<string> Rows,
    string Value,
    IReadOnlyList<IReadOnlyList<double>> Values) : Chart(Title)
{
    /// <summary>Value of the palest colour; NaN takes the smallest value.</summary>
    public double Lowest { get; init; } = double.NaN;

    /// <summary>Value of the strongest colour; NaN takes the largest value.</summary>
    public double Highest { get; init; } = double.NaN;

    internal override JsonObject ToJson()
    {
        if (Values.Count != Rows.Count || Values.Any(row => row.Count != Columns.Count))
            throw new ArgumentException($"Heat map '{Title}' needs {Rows.Count} x {Columns.Count} values.");
        return new()
        {
            ["kind"] = "heat",
            ["x"] = X,
            ["y"] = Y,
            ["value"] = Value,
            ["columns"] = Texts(Columns),
            ["rows"] = Texts(Rows),
            ["lowest"] = Number(Lowest),
            ["highest"] = Number(Highest),
            ["values"] = new JsonArray([.. Values.Select(row => (JsonNode)new JsonArray([.. row.Select(Number)]))]),
        };
    }
}
