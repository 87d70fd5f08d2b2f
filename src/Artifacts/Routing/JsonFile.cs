using System.Text.Json;

namespace OnnxMoe.Artifacts.Routing;

/// <summary>Opens JSON files with errors that a user can act on.</summary>
static class JsonFile
{
    public static JsonDocument Parse(string path, string what)
    {
        try
        {
            using var stream = File.OpenRead(path);
            return JsonDocument.Parse(stream);
        }
        catch (JsonException error)
        {
            throw new UserError($"The {what} '{path}' is not valid JSON: line {error.LineNumber + 1}, {error.Message}", error);
        }
        catch (Exception error) when (error is FileNotFoundException or DirectoryNotFoundException)
        {
            throw new UserError($"There is no {what} '{path}'.", error);
        }
    }
}
