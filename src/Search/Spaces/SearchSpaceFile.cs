using System.Text.Json;
using System.Text.Json.Serialization;
using OnnxMoe.Artifacts;

namespace OnnxMoe.Search.Spaces;

/// <summary>
/// Reads a search space from JSON: <c>{"name", "genes": [{"name", "count", "choices": [...], "depth", "when": {"gene", "is": [...]}}]}</c>; count is 1,
/// depth and when are absent unless given.
/// </summary>
public static class SearchSpaceFile
{
    private static readonly JsonSerializerOptions Form = new(JsonSerializerDefaults.Web)
    {
        UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
        ReadCommentHandling = JsonCommentHandling.Skip,
        RespectNullableAnnotations = true,
        RespectRequiredConstructorParameters = true,
    };

    /// <exception cref="UserError">The file is missing or no search space; says what is wrong where.</exception>
    public static SearchSpace Read(string path)
    {
        if (!File.Exists(path))
            throw new UserError($"There is no search space {path}.");
        try
        {
            return Parse(File.ReadAllText(path));
        }
        catch (UserError error)
        {
            throw new UserError($"{path}: {error.Message}");
        }
    }

    /// <exception cref="UserError">The text is no search space.</exception>
    public static SearchSpace Parse(string json)
    {
        try
        {
            var space = JsonSerializer.Deserialize<SpaceJson>(json, Form) ?? throw new JsonException("null is no search space");
            return new(space.Name, [.. space.Genes.Select(gene => new GeneGroup(gene.Name, gene.Count ?? 1, [.. gene.Choices.Select(Text)], gene.Depth,
                gene.When is { } when ? new(when.Gene, [.. when.Is.Select(Text)]) : null))]);
        }
        catch (JsonException error)
        {
            throw new UserError($"This is no search space: {error.Message}");
        }
    }

    private static string Text(JsonElement choice) => choice.ValueKind switch
    {
        JsonValueKind.String => choice.GetString()!,
        JsonValueKind.Number => choice.GetRawText(),
        _ => throw new JsonException($"a choice is {choice.GetRawText()}, but must be a number or a word"),
    };

    private sealed record SpaceJson(string Name, List<GeneJson> Genes);

    private sealed record GeneJson(string Name, List<JsonElement> Choices, int? Count = null, string? Depth = null, ConditionJson? When = null);

    private sealed record ConditionJson(string Gene, List<JsonElement> Is);
}
