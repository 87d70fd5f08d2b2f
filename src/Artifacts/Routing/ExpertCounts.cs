using System.Text.Json;

namespace OnnxMoe.Artifacts.Routing;

/// <summary>
/// How many tokens each expert of each layer got, without the links between layers that a trace has: enough to balance load,
/// not enough to place neighbouring experts together.
/// </summary>
/// <param name="Name">Where the counts come from.</param>
/// <param name="Counts">Per layer the routed tokens of each expert.</param>
public sealed record ExpertCounts(string Name, IReadOnlyList<IReadOnlyList<long>> Counts)
{
    /// <summary>Whether a JSON file holds counts (an array <c>expert_popularity</c>) and not a trace.</summary>
    public static bool IsCountsFile(string path)
    {
        if (!path.EndsWith(".json", StringComparison.OrdinalIgnoreCase))
            return false;
        var root = JsonFile.Load<JsonElement>(path);
        return root.ValueKind == JsonValueKind.Object && root.TryGetProperty("expert_popularity", out _);
    }

    /// <summary>Reads <c>{"expert_popularity": [layer][expert]}</c>.</summary>
    public static ExpertCounts Load(string path)
    {
        var counts = new List<IReadOnlyList<long>>();
        try
        {
            foreach (var layer in JsonFile.Load<JsonElement>(path).GetProperty("expert_popularity").EnumerateArray())
                counts.Add([.. layer.EnumerateArray().Select(c => c.GetInt64())]);
        }
        catch (Exception error) when (error is KeyNotFoundException or InvalidOperationException or FormatException)
        {
            throw new UserError($"'{path}' holds no expert counts: it needs \"expert_popularity\" as lists [layer][expert] of whole numbers.", error);
        }
        if (counts.Count == 0 || counts.Any(l => l.Count == 0))
            throw new UserError($"'{path}' holds no expert counts: \"expert_popularity\" is empty.");
        for (var l = 0; l < counts.Count; l++)
        {
            if (counts[l].Min() < 0)
                throw new UserError($"'{path}': layer {l} has a negative count ({counts[l].Min()}); counts start at 0.");
        }
        return new ExpertCounts(Path.GetFileNameWithoutExtension(path), counts);
    }
}
