using System.Reflection;
using OnnxMoe.Artifacts.Configuration;

namespace OnnxMoe.Cli.Settings;

/// <summary>One setting: a property marked with <see cref="SettingAttribute"/>, under its key Section:Name.</summary>
public sealed class Setting(string section, PropertyInfo property, SettingAttribute attribute, object? defaultValue)
{
    /// <summary>The section's name, empty for the settings at the root.</summary>
    public string Section { get; } = section;

    public string Name => Property.Name;

    public string Key { get; } = section.Length == 0 ? property.Name : $"{section}:{property.Name}";

    public PropertyInfo Property { get; } = property;

    public SettingAttribute Attribute { get; } = attribute;

    public object? Default { get; } = defaultValue;

    /// <summary>The type of the value, or of one element of a list; without Nullable.</summary>
    public Type ScalarType { get; } = Unwrap(property.PropertyType);

    public bool IsList => Property.PropertyType.IsArray;

    /// <summary>The allowed words, empty when any text (or a number) will do.</summary>
    public IReadOnlyList<string> Choices { get; } =
        Unwrap(property.PropertyType).IsEnum ? [.. Enum.GetNames(Unwrap(property.PropertyType)).Select(n => n.ToLowerInvariant())]
        : attribute.Choices.Split('|', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);

    static Type Unwrap(Type type)
    {
        var scalar = type.IsArray ? type.GetElementType()! : type;
        return Nullable.GetUnderlyingType(scalar) ?? scalar;
    }
}
