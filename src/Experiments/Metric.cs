using System.Globalization;

namespace OnnxMoe.Experiments;

/// <summary>A measure as a column of the results.</summary>
/// <param name="Key">Its name in a <see cref="Measurement"/>.</param>
/// <param name="Name">Heading, with the unit.</param>
/// <param name="Format">.NET format of the numbers.</param>
public sealed record Metric(string Key, string Name, string Format = "F4")
{
    /// <summary>The number as text; "-" for one that is not there.</summary>
    public string Text(double value) => double.IsFinite(value) ? value.ToString(Format, CultureInfo.InvariantCulture) : "-";
}
