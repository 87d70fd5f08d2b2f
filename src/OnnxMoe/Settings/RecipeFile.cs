using System.Text.Json;
using Microsoft.Extensions.Configuration;
using OnnxMoe.Artifacts;

namespace OnnxMoe.Cli.Settings;

/// <summary>A recipe: a JSON file (comments and trailing commas allowed) of settings by section.</summary>
public sealed class RecipeFile
{
    static readonly JsonDocumentOptions Lenient = new() { CommentHandling = JsonCommentHandling.Skip, AllowTrailingCommas = true };

    readonly Dictionary<string, JsonValueKind> _kinds = new(StringComparer.OrdinalIgnoreCase);

    RecipeFile(string path) => Path = path;

    public string Path { get; }

    /// <summary>The recipe's own name: the file's, without .json.</summary>
    public string Name => System.IO.Path.GetFileNameWithoutExtension(Path);

    /// <summary>Where the recipe of this name lies; a name that is a path is taken as it is.</summary>
    public static string Locate(string nameOrPath, string models) =>
        nameOrPath.Contains('/') || nameOrPath.EndsWith(".json", StringComparison.OrdinalIgnoreCase)
            ? nameOrPath
            : System.IO.Path.Combine(Folder(models), nameOrPath + ".json");

    /// <summary>The names of all recipes in the models folder.</summary>
    public static IReadOnlyList<string> Names(string models) =>
        Directory.Exists(Folder(models))
            ? [.. Directory.EnumerateFiles(Folder(models), "*.json").Select(f => System.IO.Path.GetFileNameWithoutExtension(f)).Order(StringComparer.Ordinal)]
            : [];

    /// <exception cref="UserError">The recipe does not exist or is not a JSON object without repeated keys.</exception>
    public static RecipeFile Read(string nameOrPath, string models)
    {
        var recipe = new RecipeFile(Locate(nameOrPath, models));
        if (!File.Exists(recipe.Path))
        {
            var names = Names(models);
            throw new UserError($"There is no recipe '{nameOrPath}' ({recipe.Path}); "
                + (names.Count == 0 ? $"{Folder(models)} has none at all." : $"the nearest is '{Nearest.Of(recipe.Name, names)}' ('onnxmoe recipes' lists all)."));
        }
        try
        {
            using var document = JsonDocument.Parse(File.ReadAllBytes(recipe.Path), Lenient);
            if (document.RootElement.ValueKind != JsonValueKind.Object)
                throw new UserError($"{recipe.Path} must be a JSON object of settings; it is {Describe(document.RootElement.ValueKind)}.");
            recipe.Collect(document.RootElement, "");
        }
        catch (JsonException malformed)
        {
            throw new UserError($"{recipe.Path} is not valid JSON: line {malformed.LineNumber + 1}, byte {malformed.BytePositionInLine + 1}: "
                + malformed.Message.Split(" LineNumber", 2)[0], malformed);
        }
        return recipe;
    }

    /// <summary>What the recipe says as a source of Microsoft.Extensions.Configuration.</summary>
    public IConfigurationRoot Load()
    {
        using var stream = File.OpenRead(Path);
        return new ConfigurationBuilder().AddJsonStream(stream).Build();
    }

    /// <summary>The JSON kind of the value under a key, such as Trainer:Steps.</summary>
    public JsonValueKind Kind(string key) => _kinds.GetValueOrDefault(key, JsonValueKind.Undefined);

    /// <summary>A JSON kind in words: "a string".</summary>
    public static string Describe(JsonValueKind kind) => kind switch
    {
        JsonValueKind.String => "a string",
        JsonValueKind.Number => "a number",
        JsonValueKind.True or JsonValueKind.False => "true or false",
        JsonValueKind.Object => "a section",
        JsonValueKind.Array => "a list",
        _ => "null",
    };

    static string Folder(string models) => System.IO.Path.Combine(models, "recipes");

    void Collect(JsonElement element, string key)
    {
        if (key.Length > 0 && !_kinds.TryAdd(key, element.ValueKind))
            throw new UserError($"{Path} has '{key}' twice; leave one of them out.");
        var prefix = key.Length == 0 ? "" : key + ":";
        if (element.ValueKind == JsonValueKind.Object)
        {
            foreach (var member in element.EnumerateObject())
                Collect(member.Value, prefix + member.Name);
        }
        else if (element.ValueKind == JsonValueKind.Array)
        {
            var index = 0;
            foreach (var item in element.EnumerateArray())
                Collect(item, prefix + index++);
        }
    }
}
