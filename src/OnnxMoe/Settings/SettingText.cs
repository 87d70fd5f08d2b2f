using System.Globalization;
using OnnxMoe.Artifacts;

namespace OnnxMoe.Cli.Settings;

/// <summary>A setting's value as text and back.</summary>
public static class SettingText
{
    const NumberStyles Whole = NumberStyles.AllowLeadingSign | NumberStyles.AllowExponent | NumberStyles.AllowDecimalPoint;

    /// <summary>Reads one value (of a list: one element).</summary>
    /// <exception cref="UserError">The text is not of the setting's type, or out of its range.</exception>
    public static object Parse(Setting setting, string text, string place)
    {
        var value = TryParse(setting, text.Trim());
        if (value is null || !InRange(setting, value))
            throw Mistake(setting, $"'{text}'", place);
        return value;
    }

    /// <summary>What a right value looks like: "a whole number from 1 to 8 (tokens)".</summary>
    public static string Expectation(Setting setting)
    {
        var kind = setting.Choices.Count > 0 ? $"one of {string.Join(", ", setting.Choices)}"
            : setting.ScalarType == typeof(bool) ? "true or false"
            : setting.ScalarType == typeof(string) ? "text"
            : IsWhole(setting.ScalarType) ? "a whole number"
            : "a number";
        var unit = setting.Attribute.Unit.Length > 0 ? $" ({setting.Attribute.Unit})" : "";
        return $"{(setting.IsList ? "a list, each of it " : "")}{kind}{Range(setting)}{unit}";
    }

    /// <summary>" from 1 to 8", " of at least 1" or nothing.</summary>
    public static string Range(Setting setting) => (double.IsFinite(setting.Attribute.Min), double.IsFinite(setting.Attribute.Max)) switch
    {
        (true, true) => $" from {Number(setting.Attribute.Min)} to {Number(setting.Attribute.Max)}",
        (true, false) => $" of at least {Number(setting.Attribute.Min)}",
        (false, true) => $" of at most {Number(setting.Attribute.Max)}",
        _ => "",
    };

    /// <summary>The value as help prints it and as the command line would take it.</summary>
    public static string Format(object? value) => value switch
    {
        null => "none",
        "" => "none",
        string text => text,
        bool flag => flag ? "true" : "false",
        Array list => list.Length == 0 ? "none" : string.Join(',', list.Cast<object>().Select(Format)),
        Enum word => word.ToString().ToLowerInvariant(),
        double number => Number(number),
        IFormattable other => other.ToString(null, CultureInfo.InvariantCulture),
        _ => value.ToString() ?? "",
    };

    public static UserError Mistake(Setting setting, string given, string place) =>
        new($"{setting.Key} must be {Expectation(setting)}; {place} says {given}.");

    static object? TryParse(Setting setting, string text)
    {
        var type = setting.ScalarType;
        if (setting.Choices.Count > 0)
        {
            var choice = setting.Choices.FirstOrDefault(c => c.Equals(text, StringComparison.OrdinalIgnoreCase));
            return choice is null ? null : type.IsEnum ? Enum.Parse(type, choice, ignoreCase: true) : choice;
        }
        var culture = CultureInfo.InvariantCulture;
        if (type == typeof(string))
            return text;
        if (type == typeof(bool))
            return bool.TryParse(text, out var flag) ? flag : null;
        if (type == typeof(int))
            return int.TryParse(text, Whole, culture, out var number) ? number : null;
        if (type == typeof(long))
            return long.TryParse(text, Whole, culture, out var number) ? number : null;
        if (type == typeof(double))
            return double.TryParse(text, NumberStyles.Float, culture, out var number) && double.IsFinite(number) ? number : null;
        if (type == typeof(float))
            return float.TryParse(text, NumberStyles.Float, culture, out var number) && float.IsFinite(number) ? number : null;
        throw new NotSupportedException($"{setting.Key}: settings of type {type.Name} are not supported.");
    }

    static bool InRange(Setting setting, object value)
    {
        if (value is not (int or long or double or float))
            return true;
        var number = Convert.ToDouble(value, CultureInfo.InvariantCulture);
        return number >= setting.Attribute.Min && number <= setting.Attribute.Max;
    }

    static bool IsWhole(Type type) => type == typeof(int) || type == typeof(long);

    static string Number(double value) =>
        value != 0 && (Math.Abs(value) < 1e-4 || Math.Abs(value) >= 1e15)
            ? value.ToString("0.######e0", CultureInfo.InvariantCulture)
            : value.ToString("0.############", CultureInfo.InvariantCulture);
}
