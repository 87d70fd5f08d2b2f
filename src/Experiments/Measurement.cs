using System.Text.Json.Serialization;

namespace OnnxMoe.Experiments;

/// <summary>What one run of an arm measured: named numbers, and named rows of numbers where other arms are compared number by number.</summary>
/// <param name="Arm">Name of the arm.</param>
/// <param name="Seed">Seed of the run.</param>
/// <param name="Fingerprint">Of all that the numbers depend on.</param>
public sealed record Measurement(string Arm, long Seed, string Fingerprint)
{
    /// <summary>Numbers by name; NaN for a run that diverged.</summary>
    public SortedDictionary<string, double> Values { get; init; } = new(StringComparer.Ordinal);

    /// <summary>Rows of numbers by name, for example the loss of each validation token.</summary>
    public SortedDictionary<string, double[]> Series { get; init; } = new(StringComparer.Ordinal);

    /// <summary>A number; NaN when it was not measured, as after a run that diverged.</summary>
    [JsonIgnore]
    public double this[string name]
    {
        get => Values.GetValueOrDefault(name, double.NaN);
        set => Values[name] = value;
    }
}
