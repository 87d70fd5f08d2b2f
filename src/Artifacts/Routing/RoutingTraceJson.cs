using System.Text.Json;

namespace OnnxMoe.Artifacts.Routing;

/// <summary>
/// Imports traces written as JSON: <c>{"model", "num_layers", "num_experts", "top_k", "prompts": {name: {"prefill": [token][layer][k], "decode": ...}}}</c>.
/// Each prompt becomes one request; there are no combine weights.
/// </summary>
public static class RoutingTraceJson
{
    /// <summary>Reads the file, or throws a <see cref="UserError"/> that names the place where it is wrong.</summary>
    public static RoutingTrace Load(string path)
    {
        var root = JsonFile.Load<JsonElement>(path);
        try
        {
            var (layers, experts, k) = (root.GetProperty("num_layers").GetInt32(), root.GetProperty("num_experts").GetInt32(), root.GetProperty("top_k").GetInt32());
            var model = root.TryGetProperty("model", out var name) ? name.GetString() ?? "" : "";
            var header = new RoutingTraceHeader([.. Enumerable.Range(0, layers).Select(l => new TracedLayer(l, experts, k))], model, HasWeights: false);
            _ = header.ToBytes();
            return new RoutingTrace(header, [.. Frames(root.GetProperty("prompts"), header, path)]);
        }
        catch (Exception error) when (error is KeyNotFoundException or InvalidOperationException or FormatException)
        {
            throw new UserError($"'{path}' is not a routing trace: it needs num_layers, num_experts, top_k and prompts with prefill and decode as lists [token][layer][k] of expert ids.", error);
        }
    }

    static IEnumerable<RoutingTraceFrame> Frames(JsonElement prompts, RoutingTraceHeader header, string path)
    {
        var request = 0;
        foreach (var prompt in prompts.EnumerateObject())
        {
            foreach (var (key, phase) in new[] { ("prefill", RoutingPhase.Prefill), ("decode", RoutingPhase.Decode) })
            {
                if (prompt.Value.TryGetProperty(key, out var tokens))
                    yield return Frame(request, phase, tokens, header, $"'{path}', prompt '{prompt.Name}', {key}");
            }
            request++;
        }
    }

    static RoutingTraceFrame Frame(int request, RoutingPhase phase, JsonElement tokens, RoutingTraceHeader header, string where)
    {
        var count = tokens.GetArrayLength();
        var ids = header.Layers.Select(l => new int[count * l.ExpertsPerToken]).ToArray();
        for (var t = 0; t < count; t++)
        {
            if (tokens[t].GetArrayLength() != ids.Length)
                throw new UserError($"{where}: token {t} has {tokens[t].GetArrayLength()} layers, not {ids.Length}.");
            for (var l = 0; l < ids.Length; l++)
                ReadSlots(tokens[t][l], header.Layers[l], ids[l], t, where);
        }
        return new RoutingTraceFrame(request, phase, count, [.. ids.Select(i => (ReadOnlyMemory<int>)i)], [.. ids.Select(_ => ReadOnlyMemory<float>.Empty)]);
    }

    static void ReadSlots(JsonElement slots, TracedLayer layer, int[] ids, int token, string where)
    {
        var k = layer.ExpertsPerToken;
        if (slots.GetArrayLength() != k)
            throw new UserError($"{where}: token {token}, layer {layer.Layer} has {slots.GetArrayLength()} expert ids, not {k}.");
        for (var s = 0; s < k; s++)
        {
            var id = slots[s].GetInt32();
            if (id < -1 || id >= layer.Experts)
                throw new UserError($"{where}: token {token}, layer {layer.Layer} names expert {id}; the experts are 0 to {layer.Experts - 1}.");
            ids[token * k + s] = id;
        }
    }
}
