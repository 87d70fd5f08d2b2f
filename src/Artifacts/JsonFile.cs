using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.RegularExpressions;

namespace OnnxMoe.Artifacts;

/// <summary>Reads and writes the project's JSON files: camelCase, indented, and with errors that name file, line and field.</summary>
public static partial class JsonFile
{
    /// <summary>
    /// How all JSON files are written and read: a field that may not be null must be there; unknown fields are ignored, so that
    /// an older program reads a newer file.
    /// </summary>
    public static JsonSerializerOptions Options { get; } = new(JsonSerializerDefaults.Web)
    {
        WriteIndented = true,
        AllowDuplicateProperties = false,
        PropertyNameCaseInsensitive = false,
        NewLine = "\n",
        NumberHandling = System.Text.Json.Serialization.JsonNumberHandling.Strict,
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
        RespectNullableAnnotations = true,
        RespectRequiredConstructorParameters = true,
    };

    /// <summary>The JSON text of <paramref name="value"/>, ending with a newline.</summary>
    public static string ToText<T>(T value) => JsonSerializer.Serialize(value, Options) + "\n";

    /// <summary>Reads the file at <paramref name="path"/>.</summary>
    /// <exception cref="UserError">The file is missing, is not JSON, or lacks a field or has one of a wrong type.</exception>
    public static T Load<T>(string path)
    {
        byte[] bytes;
        try
        {
            bytes = File.ReadAllBytes(path);
        }
        catch (Exception problem) when (problem is FileNotFoundException or DirectoryNotFoundException)
        {
            throw new UserError($"{path} does not exist.", problem);
        }
        catch (UnauthorizedAccessException problem)
        {
            throw new UserError($"{path} may not be read (permission denied, or it is a folder).", problem);
        }
        return Parse<T>(bytes, path);
    }

    /// <summary>Reads JSON from memory; <paramref name="source"/> names it in errors.</summary>
    /// <inheritdoc cref="Load"/>
    public static T Parse<T>(ReadOnlySpan<byte> utf8, string source)
    {
        try
        {
            return JsonSerializer.Deserialize<T>(utf8, Options) ?? throw new UserError($"{source} holds only null.");
        }
        catch (JsonException problem)
        {
            throw new UserError($"{source}{Describe(problem, typeof(T))}", problem);
        }
    }

    private static string Describe(JsonException problem, Type type)
    {
        var path = problem.Path is { Length: > 2 } full ? full[2..] : "";
        var field = path == "" ? "the file" : $"'{path}'";
        if (MissingProperties().Match(problem.Message) is { Success: true } missing)
            return $": {field} lacks the field(s) {missing.Groups[1].Value}.";
        if (problem.Message.Contains("null value", StringComparison.Ordinal) || problem.Message.Contains("allow null", StringComparison.Ordinal))
            return $": {field} may not be null.";
        if (problem.Message.StartsWith("The JSON value could not be converted", StringComparison.Ordinal))
            return $": {field} should be {JsonWords.For(type, path)}.";
        var line = problem.LineNumber is { } number ? $", line {number + 1}" : "";
        return $"{line}: this is not valid JSON ({problem.Message.Split(". ")[0].TrimEnd('.')}).";
    }

    [GeneratedRegex("missing required properties including: (.*?)\\.?$")]
    private static partial Regex MissingProperties();
}
