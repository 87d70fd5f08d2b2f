using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using OnnxMoe.Artifacts;
using OnnxMoe.Search.Spaces;

namespace OnnxMoe.Supernets;

/// <summary>The Pareto front as JSON, for programs.</summary>
internal static class SearchFile
{
    public static void Write(string path, string supernet, SearchOptions options, long seed, IReadOnlyList<Objective> objectives, SearchResult result, Architecture chosen)
    {
        JsonArray Numbers(IEnumerable<double> values) => new([.. values.Select(value => JsonValue.Create(value))]);
        var file = new JsonObject
        {
            ["format"] = 1,
            ["supernet"] = supernet,
            ["space"] = chosen.Space.Name,
            ["method"] = options.Method,
            ["seed"] = seed,
            ["measured"] = result.All.Count,
            ["machine"] = Machine.Describe(),
            ["objectives"] = new JsonArray([.. objectives.Select(objective => (JsonNode)new JsonObject { ["name"] = objective.Name, ["unit"] = objective.Unit })]),
            ["reference"] = Numbers(result.Reference),
            ["hypervolume"] = Numbers(result.Hypervolume),
            ["front"] = new JsonArray([.. result.Front.Select(member => (JsonNode)new JsonObject
            {
                ["genes"] = member.Architecture.Key,
                ["architecture"] = member.Architecture.ToString(),
                ["objectives"] = Numbers(member.Objectives),
            })]),
            ["chosen"] = chosen.Key,
        };
        var bytes = Encoding.UTF8.GetBytes(file.ToJsonString(new JsonSerializerOptions { WriteIndented = true }));
        AtomicFile.Write(path, stream => stream.Write(bytes));
    }
}
