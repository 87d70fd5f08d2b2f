using System.Globalization;
using System.Text.Json;

namespace OnnxMoe.Serving.Http;

/// <summary>
/// The fields of a request, read with their type and range checked. A field that is null counts as absent; unknown fields are ignored,
/// since clients send many.
/// </summary>
internal sealed class JsonFields(JsonElement body, string path = "")
{
    /// <summary>The field's value; null when it is absent.</summary>
    public JsonElement? Find(string name) =>
        body.TryGetProperty(name, out var value) && value.ValueKind != JsonValueKind.Null ? value : null;

    public string? Text(string name) => Find(name) is not { } value ? null
        : value.ValueKind == JsonValueKind.String ? value.GetString()
        : throw Wrong(name, "a string", value);

    public bool Flag(string name) => Find(name) is { } value && (value.ValueKind is JsonValueKind.True or JsonValueKind.False
        ? value.GetBoolean()
        : throw Wrong(name, "true or false", value));

    public long? Integer(string name, long min = long.MinValue, long max = long.MaxValue)
    {
        if (Find(name) is not { } value)
            return null;
        if (value.ValueKind != JsonValueKind.Number || !value.TryGetInt64(out var number))
            throw Wrong(name, "a whole number", value);
        return number >= min && number <= max ? number : throw Outside(name, min, max, number);
    }

    public double? Number(string name, double min = double.MinValue, double max = double.MaxValue)
    {
        if (Find(name) is not { } value)
            return null;
        if (value.ValueKind != JsonValueKind.Number)
            throw Wrong(name, "a number", value);
        var number = value.GetDouble();
        return number >= min && number <= max ? number : throw Outside(name, min, max, number);
    }

    /// <summary>The elements of an array; null when it is absent.</summary>
    public IReadOnlyList<JsonElement>? List(string name) => Find(name) is not { } value ? null
        : value.ValueKind == JsonValueKind.Array ? [.. value.EnumerateArray()]
        : throw Wrong(name, "an array", value);

    /// <summary>The fields of an object; null when it is absent.</summary>
    public JsonFields? Object(string name) => Find(name) is not { } value ? null
        : value.ValueKind == JsonValueKind.Object ? new(value, $"{path}{name}.")
        : throw Wrong(name, "an object", value);

    /// <summary>The names and values of this object.</summary>
    public IEnumerable<JsonProperty> All => body.EnumerateObject();

    /// <summary>An error about the field <paramref name="name"/>.</summary>
    public ApiError Error(string name, string rest) => ApiError.BadRequest($"'{path}{name}' {rest}", path + name);

    /// <summary>What a value is, in words.</summary>
    public static string Describe(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.String => "a string",
        JsonValueKind.Number => $"the number {Shortened(value)}",
        JsonValueKind.True or JsonValueKind.False => value.GetRawText(),
        JsonValueKind.Array => "an array",
        JsonValueKind.Object => "an object",
        _ => "null",
    };

    private static string Shortened(JsonElement value) => value.GetRawText() is { Length: > 32 } text ? text[..32] + "..." : value.GetRawText();

    private ApiError Wrong(string name, string expected, JsonElement found) => Error(name, $"must be {expected}, not {Describe(found)}.");

    private ApiError Outside(string name, double min, double max, double number)
    {
        var range = (min > -1e15, max < 1e15) switch
        {
            (true, true) => $"between {Plain(min)} and {Plain(max)}",
            (true, false) => $"at least {Plain(min)}",
            _ => $"at most {Plain(max)}",
        };
        return Error(name, $"must be {range}, not {Plain(number)}.");
    }

    private static string Plain(double number) => number.ToString(CultureInfo.InvariantCulture);
}
