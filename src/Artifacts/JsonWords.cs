using System.Text.Json;
using System.Text.Json.Serialization.Metadata;

namespace OnnxMoe.Artifacts;

/// <summary>Says in words what a field of a JSON file should hold.</summary>
internal static class JsonWords
{
    /// <param name="type">The type of the whole file.</param>
    /// <param name="path">The field, for example <c>moeLayers[0].experts</c>; empty for the whole file.</param>
    public static string For(Type type, string path)
    {
        foreach (var step in path.Split(['.', '['], StringSplitOptions.RemoveEmptyEntries))
        {
            if (Step(type, step) is not { } next)
                return "of another kind";
            type = next;
        }
        return Name(Nullable.GetUnderlyingType(type) ?? type);
    }

    private static Type? Step(Type type, string step)
    {
        var info = JsonFile.Options.GetTypeInfo(type);
        return info.Kind switch
        {
            JsonTypeInfoKind.Object => info.Properties.FirstOrDefault(property => property.Name.Equals(step, StringComparison.OrdinalIgnoreCase))?.PropertyType,
            JsonTypeInfoKind.Enumerable or JsonTypeInfoKind.Dictionary => info.ElementType,
            _ => null,
        };
    }

    private static string Name(Type type) => Type.GetTypeCode(type) switch
    {
        TypeCode.Boolean => "true or false",
        TypeCode.String => "a text in quotes",
        TypeCode.Single or TypeCode.Double or TypeCode.Decimal => "a number",
        >= TypeCode.SByte and <= TypeCode.UInt64 when !type.IsEnum => "a whole number",
        _ when type.IsEnum => $"one of {string.Join(", ", Enum.GetNames(type).Select(JsonNamingPolicy.CamelCase.ConvertName))}",
        _ when type == typeof(DateTimeOffset) || type == typeof(DateTime) => "a date and time such as 2026-01-31T12:00:00Z",
        _ when JsonFile.Options.GetTypeInfo(type).Kind == JsonTypeInfoKind.Enumerable => "a list [...]",
        _ => "an object {...}",
    };
}
