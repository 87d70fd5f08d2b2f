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
    /// <summary>Whether a file holds counts (JSON with <c>expert_popularity</c> or SGLang's <c>logical_count</c>, CSV with a column <c>count</c>) and not a trace.</summary>
    public static bool IsCountsFile(string path)
    {
        if (IsCsv(path))
        {
            using var table = CsvTable.Open(path);
            return table.Has("count");
        }
        if (!path.EndsWith(".json", StringComparison.OrdinalIgnoreCase))
            return false;
        var root = JsonFile.Load<JsonElement>(path);
        return root.ValueKind == JsonValueKind.Object && (root.TryGetProperty("expert_popularity", out _) || root.TryGetProperty("logical_count", out _));
    }

    /// <summary>Reads <c>{"expert_popularity": [layer][expert]}</c>, SGLang's <c>logical_count</c> [layer][expert], or CSV with the columns <c>layer</c>, <c>expert</c> and <c>count</c>.</summary>
    /// <param name="path">The file.</param>
    /// <param name="experts">Experts of a layer of a CSV file; 0: the largest id and one more.</param>
    public static ExpertCounts Load(string path, int experts = 0)
    {
        if (IsCsv(path))
            return LoadCsv(path, experts);
        var counts = new List<IReadOnlyList<long>>();
        try
        {
            var root = JsonFile.Load<JsonElement>(path);
            foreach (var layer in root.TryGetProperty("logical_count", out var recorded) ? Layers(recorded) : root.GetProperty("expert_popularity").EnumerateArray())
                counts.Add([.. layer.EnumerateArray().Select(c => c.GetInt64())]);
        }
        catch (Exception error) when (error is KeyNotFoundException or InvalidOperationException or FormatException)
        {
            throw new UserError($"'{path}' holds no expert counts: it needs \"expert_popularity\" (or SGLang's \"logical_count\") as lists [layer][expert] of whole numbers.", error);
        }
        if (counts.Count == 0 || counts.Any(l => l.Count == 0))
            throw new UserError($"'{path}' holds no expert counts: its list of layers is empty.");
        for (var l = 0; l < counts.Count; l++)
        {
            if (counts[l].Min() < 0)
                throw new UserError($"'{path}': layer {l} has a negative count ({counts[l].Min()}); counts start at 0.");
        }
        return new ExpertCounts(Path.GetFileNameWithoutExtension(path), counts);
    }

    /// <summary>Layers of SGLang's counts, dense ones left out: those before the first routed one have zeros alone.</summary>
    static IEnumerable<JsonElement> Layers(JsonElement counts) =>
        counts.EnumerateArray().SkipWhile(layer => layer.EnumerateArray().All(c => c.GetInt64() == 0));

    /// <summary>Lines that are missing count 0.</summary>
    static ExpertCounts LoadCsv(string path, int experts)
    {
        using var table = CsvTable.Open(path);
        if (new[] { "layer", "expert" }.FirstOrDefault(column => !table.Has(column)) is { } missing)
            throw new UserError($"'{path}' has no column '{missing}'; expert counts have layer, expert, count.");
        var counts = new Dictionary<(int Layer, int Expert), long>();
        while (table.Next())
        {
            var place = ((int)table.Whole("layer", 0, ushort.MaxValue), (int)table.Whole("expert", 0, (experts > 0 ? experts : RoutingTraceHeader.MaximumExperts) - 1));
            if (!counts.TryAdd(place, table.Whole("count", 0, long.MaxValue)))
                throw table.Wrong($"expert {place.Item2} of layer {place.Item1} has a count already");
        }
        if (counts.Count == 0)
            throw new UserError($"'{path}' holds no expert counts: it has no line but that of the columns' names.");
        var (layers, all) = (1 + counts.Keys.Max(place => place.Layer), experts > 0 ? experts : 1 + counts.Keys.Max(place => place.Expert));
        return new ExpertCounts(Path.GetFileNameWithoutExtension(path), [.. Enumerable.Range(0, layers).Select(layer => Enumerable.Range(0, all).Select(expert => counts.GetValueOrDefault((layer, expert))).ToArray())]);
    }

    static bool IsCsv(string path) => path.EndsWith(".csv", StringComparison.OrdinalIgnoreCase);
}
