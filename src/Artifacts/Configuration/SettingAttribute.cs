namespace OnnxMoe.Artifacts.Configuration;

/// <summary>
/// Marks a property of an options class as a setting: listed by <c>help</c> with its default (the property's initial value),
/// unit and meaning, and settable in the recipe, the environment and on the command line under Section:Name.
/// </summary>
[AttributeUsage(AttributeTargets.Property)]
public sealed class SettingAttribute(string meaning) : Attribute
{
    public string Meaning { get; } = meaning;

    /// <summary>What a number counts, for example "tokens" or "seconds"; empty when it has no unit.</summary>
    public string Unit { get; init; } = "";

    /// <summary>The smallest allowed number.</summary>
    public double Min { get; init; } = double.NegativeInfinity;

    /// <summary>The largest allowed number.</summary>
    public double Max { get; init; } = double.PositiveInfinity;

    /// <summary>The allowed words, separated by '|'; empty when any text will do.</summary>
    public string Choices { get; init; } = "";

    /// <summary>How many words of the command line a list takes (--explain 3 17) when its first one has no comma.</summary>
    public int Words { get; init; } = 1;
}
